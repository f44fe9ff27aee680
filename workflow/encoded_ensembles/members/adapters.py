"""Members that are LoRA adapters: low-rank changes of the weights of a frozen base network.

Source: Hu et al., *LoRA*, arXiv 2106.09685: a layer computes with W + (alpha / rank) B A, of which B
and A are trained.

An adapter's folder is as peft writes it; `base_model_name_or_path` in it is the base's folder,
relative to its own. Members share the base's weights in memory. The weights of the layers that an
adapter changes are worked out anew in each call, always from the base's: never added and taken off
again, which would not give the same bytes. At the batches of sampling that is faster than peft's own
layers, which compute W x and B A x apart (docs/finetuning.md), and batches of any size give the same
bytes, as those of a whole network do.
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
VARIANTS = (  # of peft's that compute otherwise
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
    """Return the folder of the base that an adapter's folder names.

    Raises:
        InputError: the folder does not hold an adapter, as it was written.
    """
    check_adapter(adapter)
    named = read_json(adapter / ADAPTER_CONFIG).get("base_model_name_or_path")
    return (adapter / str(named)).resolve()


def check_adapter(folder: Path) -> None:
    """Check that a folder holds an adapter, as it was written.

    Raises:
        InputError: otherwise.
    """
    weights = folder / ADAPTER_WEIGHTS
    if not weights.is_file():
        raise InputError(f"{folder} does not hold an adapter's weights, {weights.name}; run again.")
    check_kept(folder / ADAPTER_CONFIG, keeper=weights)


def adapt(base: "UNet2DModel", folder: Path) -> "UNet2DModel":
    """Return the base with an adapter; all weights that it does not change are the base's own.

    Args:
        base: for inference; stays as it is.
        folder: of the adapter.

    Raises:
        InputError: the folder does not hold a whole adapter of this base, as it was written.
    """
    from safetensors.torch import load_file

    check_adapter(folder)
    try:
        facts = read_json(folder / ADAPTER_CONFIG)
        unknown = [key for key in VARIANTS if facts.get(key)]
        if unknown:
            raise ValueError(f"{ADAPTER_CONFIG} sets {unknown[0]}")
        tensors = load_file(folder / ADAPTER_WEIGHTS)
        own = [*base.parameters(), *base.buffers()]
        network = copy.deepcopy(base, {id(each): each for each in own})
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
    """Return the layer that a tensor in peft's file is of.

    Raises:
        ValueError: it is not A or B of a layer.
    """
    for part in PARTS:
        if name.startswith(PREFIX) and name.endswith(part):
            return name.removeprefix(PREFIX).removesuffix(part)
    raise ValueError(f"it holds {name}, expected {PREFIX}LAYER{PARTS[0]} or {PARTS[1]}")


def changes(network: "UNet2DModel") -> dict[str, LowRank]:
    """Return what the adapter of a network of `adapt` changes, by layer; none of a whole network."""
    end = ".parametrizations.weight.0"
    found = dict(network.named_modules())
    return {name.removesuffix(end): each for name, each in found.items() if name.endswith(end)}


def plain_base(network: "UNet2DModel") -> "UNet2DModel":
    """Return the base of a network of `adapt`, as it was before, on its own weights."""
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
    """Write the adapter of a network of `adapt` as it was read, but for where its base is.

    Args:
        network: of `adapt`.
        folder: to write to.
        base: what the adapter says of where its base is, relative to `folder`.
    """
    tensors = {}
    for layer, change in changes(network).items():
        for part, each in zip(PARTS, (change.down, change.up), strict=True):
            tensors[f"{PREFIX}{layer}{part}"] = each.detach().cpu().numpy()
    write_files(folder, network.adapter | {"base_model_name_or_path": base}, tensors)


def write_files(folder: Path, facts: dict[str, Any], tensors: Mapping[str, np.ndarray]) -> None:
    """Write the configuration and the weights of an adapter as peft does, and sealed."""
    config = folder / ADAPTER_CONFIG
    write_json(config, facts)
    write_tensors(
        folder / ADAPTER_WEIGHTS,
        tensors,
        metadata={"format": "pt"},  # which loaders look for
        kept={config.name: sha256_file(config)},
    )
