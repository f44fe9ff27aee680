"""Members that are LoRA adapters: low-rank changes of the weights of a frozen base network.

Source: Hu et al., *LoRA*, arXiv 2106.09685: a layer computes with W + (alpha / rank) B A, of which B
and A are trained.

An adapter's folder is as peft writes it; `base_model_name_or_path` in it is the base's folder,
relative to the adapter's. Members share the base's weights in memory. Each call computes the weights of
the changed layers again from the base: adding and then subtracting a change would not restore the same
bytes. At the batch sizes of sampling this is faster than peft's layers, which compute W x and B A x
separately (docs/finetuning.md). As for a whole network, the batch size does not change the bytes.
"""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.utils.parametrize import register_parametrization

from encoded_ensembles.members.names import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from encoded_ensembles.storage.files import (
    InputError,
    check_kept,
    read_json,
    sha256_file,
    write_json,
    write_tensors,
)

if TYPE_CHECKING:
    from diffusers import UNet2DModel

PREFIX = "base_model.model."  # of the names of layers in peft's files
PARTS = (".lora_A.weight", ".lora_B.weight")
VARIANTS = (  # options of peft that change the computation
    "use_dora", "use_rslora", "use_qalora", "use_bdlora", "rank_pattern", "alpha_pattern", "lora_bias",
    "fan_in_fan_out", "layer_replication", "alora_invocation_tokens",
)  # fmt: skip


class LowRank(torch.nn.Module):
    """The change of one layer's weight."""

    def __init__(self, down: torch.Tensor, up: torch.Tensor, *, scale: float) -> None:
        """Take A (rank, in, ...) as `down`, B (out, rank, ...) as `up`, and alpha / rank."""
        super().__init__()
        self.down = torch.nn.Parameter(down, requires_grad=False)
        self.up = torch.nn.Parameter(up, requires_grad=False)
        self.scale = scale

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """Return the weight with the change."""
        change = self.up.flatten(1) @ self.down.flatten(1)
        return weight + self.scale * change.view_as(weight)


def base_folder(adapter: Path) -> Path:
    """Return the folder of an adapter's base.

    Raises:
        InputError: the folder does not hold an unchanged adapter.
    """
    check_adapter(adapter)
    base = read_json(adapter / ADAPTER_CONFIG).get("base_model_name_or_path")
    return (adapter / str(base)).resolve()


def check_adapter(folder: Path) -> None:
    """Check that a folder holds an adapter whose bytes are unchanged.

    Raises:
        InputError: it does not.
    """
    weights = folder / ADAPTER_WEIGHTS
    if not weights.is_file():
        raise InputError(f"{folder} does not hold an adapter's weights, {weights.name}; run again.")
    check_kept(folder / ADAPTER_CONFIG, keeper=weights)


def adapt(base: "UNet2DModel", folder: Path) -> "UNet2DModel":
    """Return the base with an adapter; it shares all unchanged weights with the base.

    Args:
        base: for inference; not changed.
        folder: of the adapter.

    Raises:
        InputError: the folder does not hold a complete, unchanged adapter of this base.
    """
    from safetensors.torch import load_file

    check_adapter(folder)
    try:
        facts = read_json(folder / ADAPTER_CONFIG)
        unknown = [key for key in VARIANTS if facts.get(key)]
        if unknown:
            raise ValueError(f"{ADAPTER_CONFIG} sets {unknown[0]}")
        tensors = load_file(folder / ADAPTER_WEIGHTS)
        shared = [*base.parameters(), *base.buffers()]
        network = copy.deepcopy(base, {id(tensor): tensor for tensor in shared})
        for layer in sorted({layer_name(name) for name in tensors}):
            down, up = (tensors[f"{PREFIX}{layer}{part}"] for part in PARTS)
            change = LowRank(down, up, scale=facts["lora_alpha"] / facts["r"])
            change.to(base.device, base.dtype)
            register_parametrization(network.get_submodule(layer), "weight", change)
        network.adapter = facts
    except Exception as error:  # safetensors, torch and JSON each raise their own
        raise InputError(
            f"{folder} does not hold an adapter of its base ({' '.join(str(error).split())[:200]}); "
            f"delete {folder / ADAPTER_WEIGHTS} and run again."
        ) from error
    return network


def layer_name(name: str) -> str:
    """Return the layer of a tensor in peft's file.

    Raises:
        ValueError: the tensor is not A or B of a layer.
    """
    for part in PARTS:
        if name.startswith(PREFIX) and name.endswith(part):
            return name.removeprefix(PREFIX).removesuffix(part)
    raise ValueError(f"it holds {name}, expected {PREFIX}LAYER{PARTS[0]} or {PARTS[1]}")


def changes(network: "UNet2DModel") -> dict[str, LowRank]:
    """Return the changes of a network of `adapt`, by layer; empty for a whole network."""
    end = ".parametrizations.weight.0"
    modules = dict(network.named_modules())
    return {name.removesuffix(end): part for name, part in modules.items() if name.endswith(end)}


def plain_base(network: "UNet2DModel") -> "UNet2DModel":
    """Return the unchanged base of a network of `adapt`."""
    weights: dict[str, Any] = network.state_dict()
    for layer in changes(network):
        place = f"{layer}.parametrizations.weight"
        for name in ("0.down", "0.up"):
            del weights[f"{place}.{name}"]
        weights[f"{layer}.weight"] = weights.pop(f"{place}.original")
    base = type(network).from_config(network.config)
    base.load_state_dict(weights)
    return base


def write_adapter(network: "UNet2DModel", folder: Path, *, base: str) -> None:
    """Write the adapter of a network of `adapt` as it was read, except for the path of its base.

    Args:
        network: of `adapt`.
        folder: to write to.
        base: path of the base, relative to `folder`.
    """
    tensors = {}
    for layer, change in changes(network).items():
        for part, factor in zip(PARTS, (change.down, change.up), strict=True):
            tensors[f"{PREFIX}{layer}{part}"] = factor.detach().cpu().numpy()
    write_files(folder, network.adapter | {"base_model_name_or_path": base}, tensors)


def write_files(folder: Path, facts: dict[str, Any], tensors: Mapping[str, np.ndarray]) -> None:
    """Write configuration and weights of an adapter in the format of peft, sealed."""
    config = folder / ADAPTER_CONFIG
    write_json(config, facts)
    write_tensors(
        folder / ADAPTER_WEIGHTS,
        tensors,
        metadata={"format": "pt"},  # loaders check it
        kept={config.name: sha256_file(config)},
    )
