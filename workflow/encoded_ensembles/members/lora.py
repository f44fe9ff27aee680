"""LoRA adapters of the denoisers of text-to-image pipelines: added, shared, and written.

Source: Hu et al., *LoRA*, arXiv 2106.09685: a layer computes with W + (alpha / rank) B A. Files are in
the layout of diffusers, so that `load_lora_weights` of a pipeline reads them.
"""

import copy
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.utils.parametrize import register_parametrization

from encoded_ensembles.members.adapter_training import check_targets
from encoded_ensembles.members.adapters import LowRank
from encoded_ensembles.members.names import LORA_FACTS, LORA_WEIGHTS
from encoded_ensembles.members.pipeline_kinds import network_kind
from encoded_ensembles.randomness import Purpose, generator, name_key
from encoded_ensembles.storage.files import sha256_file, write_facts, write_tensors

METADATA = "lora_adapter_metadata"  # name set by diffusers
ADAPTER = "default"  # name of the adapter in peft


def add_lora(
    denoiser: Any, *, rank: int, alpha: float, seed: int, targets: Sequence[str] | None = None
) -> None:
    """Add a new adapter to a denoiser, in place; its prediction stays the same.

    The adapter's weights are float32 and the only ones that need gradients. Initial values of A are
    uniform in +-1 / sqrt(inputs of the layer), as in peft, but keyed by the layer's name; B is 0.

    Args:
        denoiser: of diffusers, frozen.
        rank: of the change of a layer's weight.
        alpha: the change is multiplied by alpha / rank.
        seed: of A.
        targets: names of layers, or the ends of names after a dot; None for attention layers.

    Raises:
        InputError: a target names no linear or convolutional layer.
    """
    import peft

    chosen = list(targets or network_kind(denoiser).targets)
    check_targets(denoiser, chosen)
    config = peft.LoraConfig(r=rank, lora_alpha=alpha, target_modules=chosen)
    # As the denoiser's add_adapter does, which fails where diffusers was imported without peft.
    peft.inject_adapter_in_model(config, denoiser, ADAPTER)
    denoiser._hf_peft_config_loaded = True
    for name, layer in _peft_layers(denoiser).items():
        down, up = layer.lora_A[ADAPTER].weight, layer.lora_B[ADAPTER].weight
        rng = generator(seed=seed, purpose=Purpose.TRAINING, key=name_key(f"\0lora\0{name}"))
        bound = down[0].numel() ** -0.5
        values = rng.uniform(-bound, bound, tuple(down.shape)).astype(np.float32)
        down.data = torch.from_numpy(values).to(down.device)
        up.data = torch.zeros_like(up, dtype=torch.float32)


def lora_changes(denoiser: Any) -> dict[str, LowRank]:
    """Return the changes by the adapter of `add_lora`, by layer; they share its weights."""
    return {
        name: LowRank(
            layer.lora_A[ADAPTER].weight.detach(),
            layer.lora_B[ADAPTER].weight.detach(),
            scale=layer.scaling[ADAPTER],
        )
        for name, layer in _peft_layers(denoiser).items()
    }


def with_lora(base: Any, changes: Mapping[str, LowRank]) -> Any:
    """Return a denoiser with changes; it shares all weights with the base.

    Args:
        base: denoiser without an adapter, for inference; not changed.
        changes: by layer; converted to the device and dtype of the base.
    """
    shared = [*base.parameters(), *base.buffers()]
    network = copy.deepcopy(base, {id(tensor): tensor for tensor in shared})
    for name, change in sorted(changes.items()):
        own = LowRank(change.down.detach(), change.up.detach(), scale=change.scale)
        own.to(base.device, base.dtype)
        register_parametrization(network.get_submodule(name), "weight", own)
    return network


def even_changes(changes: Mapping[str, LowRank]) -> dict[str, LowRank]:
    """Return changes of one rank and one scale that compute the same.

    Smaller ranks are filled with zeros; different scales are multiplied into B.
    """
    rank = max(len(change.down) for change in changes.values())
    one_scale = len({change.scale for change in changes.values()}) == 1
    even = {}
    for name, change in changes.items():
        down, up = change.down.detach().float(), change.up.detach().float()
        if not one_scale:
            up = up * change.scale
        if missing := rank - len(down):
            down = torch.cat([down, down.new_zeros(missing, *down.shape[1:])])
            up = torch.cat([up, up.new_zeros(len(up), missing, *up.shape[2:])], dim=1)
        even[name] = LowRank(down, up, scale=change.scale if one_scale else 1.0)
    return even


def write_lora(changes: Mapping[str, LowRank], folder: Path, *, denoiser: Any) -> None:
    """Write changes as one sealed file in the layout of diffusers' save_lora_weights.

    The scale is multiplied into B, and alpha equals the rank: some programs do not read it in the metadata.

    Args:
        changes: by layer, all of one rank and scale.
        folder: to write LORA_WEIGHTS to.
        denoiser: that they change.

    Raises:
        ValueError: there are no changes, or they differ in rank or scale.
    """
    shapes = {(len(change.down), change.scale) for change in changes.values()}
    if len(shapes) != 1:
        raise ValueError(f"the changes have {len(shapes)} ranks and scales, expected 1")
    ((rank, scale),) = shapes
    role = network_kind(denoiser).denoiser
    facts = {"r": rank, "lora_alpha": float(rank), "target_modules": sorted(changes)}
    tensors = {}
    for name, change in changes.items():
        for part, factor in (("lora_A", change.down), ("lora_B", change.up.float() * scale)):
            tensors[f"{role}.{name}.{part}.weight"] = factor.detach().float().cpu().numpy()
    named = {f"{role}.{key}": value for key, value in facts.items()}
    write_tensors(
        folder / LORA_WEIGHTS,
        tensors,
        metadata={"format": "pt", METADATA: json.dumps(named, sort_keys=True)},
    )


def write_member(
    changes: Mapping[str, LowRank], folder: Path, *, denoiser: Any, facts: Mapping[str, Any]
) -> None:
    """Write the two files of a member that sampling reads: changes, as `write_lora`, and their facts.

    Args:
        changes: by layer.
        folder: to write to.
        denoiser: that they change.
        facts: of the member's training.json, of which base and lora are kept beside the weights.
    """
    write_lora(changes, folder, denoiser=denoiser)
    kept = {LORA_WEIGHTS: sha256_file(folder / LORA_WEIGHTS)}
    write_facts(folder / LORA_FACTS, {key: facts[key] for key in ("base", "lora")}, kept=kept)


def _peft_layers(denoiser: Any) -> dict[str, Any]:
    """Return the layers that peft wrapped, by their names in the denoiser."""
    from peft.tuners.lora import LoraLayer

    return {name: layer for name, layer in denoiser.named_modules() if isinstance(layer, LoraLayer)}
