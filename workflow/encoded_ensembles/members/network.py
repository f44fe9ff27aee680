"""The network of a member: a diffusers UNet2DModel, built from the configuration."""

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encoded_ensembles.members.names import NETWORK, WEIGHTS
from encoded_ensembles.storage.files import (
    InputError,
    check_kept,
    read_json,
    sha256_file,
    write_tensors,
    write_text,
)
from encoded_ensembles.storage.tensor_format import BFLOAT16

if TYPE_CHECKING:
    import numpy as np
    import torch
    from diffusers import UNet2DModel

# The command line sets `lean_import.diffusers_import`. An exported pipeline holds this module, not that one.
around_import: Callable[[], AbstractContextManager[None]] = nullcontext


def unet_config(
    *,
    shape: tuple[int, int, int],
    widths: Sequence[int],
    layers_per_block: int,
    attention: bool | Sequence[int],
    dropout: float = 0.0,
    norm_groups: int = 8,
    classes: int | None = None,
    scale: int = 1,
) -> dict[str, Any]:
    """Return the arguments of UNet2DModel.

    Args:
        shape: (C, H, W) of an image, as members see it.
        widths: channels at each resolution, finest first.
        layers_per_block: residual layers at each resolution.
        attention: True for attention at every resolution except the finest; or the numbers of
            resolutions, 0 the finest. With any, also in the middle.
        dropout: share of activations dropped in training, 0..1.
        norm_groups: number of groups in group normalisation.
        classes: number of labels that the network is conditioned on; None without labels.
        scale: side of the image, divided by the side of what members see; for the error.

    Raises:
        InputError: the image size is not divisible by two for every level, a number of `attention`
            is too large, or channels are not divisible by the number of groups.
    """
    channels, height, width = shape
    factor = 2 ** (len(widths) - 1)
    if height % factor or width % factor:
        side = f"{height}x{width}"
        what = f"images of {side} pixels" if scale == 1 else f"latents of {side}"
        raise InputError(
            f"model.widths has {len(widths)} levels, which halve an image {len(widths) - 1} times, "
            f"but {what} are not divisible by {factor}; use fewer widths or set dataset.size to "
            f"{-(-max(height, width) // factor) * factor * scale}."
        )
    attending = set(range(1, len(widths)) if attention is True else attention or ())
    if attending and max(attending) >= len(widths):
        raise InputError(
            f"model.attention holds {max(attending)}, expected 0 to {len(widths) - 1}, the numbers "
            f"of the {len(widths)} widths."
        )
    odd = [width for width in widths if width % norm_groups]
    if odd:
        raise InputError(
            f"model.widths holds {odd[0]}, expected a multiple of model.norm_groups ({norm_groups})."
        )
    kinds = ["Attn" if level in attending else "" for level in range(len(widths))]
    return {
        "sample_size": (height, width),
        "in_channels": channels,
        "out_channels": channels,
        "block_out_channels": tuple(widths),
        "layers_per_block": layers_per_block,
        "dropout": dropout,
        "norm_num_groups": norm_groups,
        "down_block_types": tuple(f"{kind}DownBlock2D" for kind in kinds),
        "up_block_types": tuple(f"{kind}UpBlock2D" for kind in reversed(kinds)),
        "add_attention": bool(attention),
        "num_class_embeds": classes,
    }


def import_network(kind: str = NETWORK) -> Any:
    """Return a class of diffusers, which is imported within `around_import`."""
    with around_import():
        from diffusers import UNet2DModel
    if kind == NETWORK:
        return UNet2DModel
    import diffusers

    return getattr(diffusers, kind)


def build_unet(config: dict[str, Any], *, seed: int) -> "UNet2DModel":
    """Return a network with initial weights that depend only on `config` and `seed`."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return import_network()(**config)


def seen_shape(network: "UNet2DModel") -> tuple[int, int, int]:
    """Return the shape (C, H, W) of the input of a network."""
    size = network.config.sample_size
    height, width = (size, size) if isinstance(size, int) else size
    return network.config.in_channels, height, width


def sample_classes(network: "UNet2DModel", which: "torch.Tensor") -> "torch.Tensor | None":
    """Return the classes (N,) of samples with the numbers `which` (N,) in the run: number % classes.

    None for a network without classes.
    """
    classes = network.config.num_class_embeds
    return which % classes if classes else None


def trained_weights(network: "UNet2DModel") -> "dict[str, torch.Tensor]":
    """Return the trained weights of a member: those of its adapter, or all without an adapter."""
    weights = dict(network.named_parameters())
    adapter = {
        name: weight for name, weight in weights.items() if ".parametrizations.weight.0." in name
    }
    return adapter or weights


def save_network(model: Any, folder: Path) -> None:
    """Write config.json and weights of a network in the format of diffusers and its own precision, sealed."""
    config = folder / "config.json"
    facts = json.loads(model.to_json_string())
    facts.pop("_name_or_path", None)  # a folder of this machine
    write_text(config, json.dumps(facts, indent=2, sort_keys=True) + "\n")
    tensors = {name: _array(tensor.cpu()) for name, tensor in model.state_dict().items()}
    write_tensors(
        folder / WEIGHTS,
        tensors,
        metadata={"format": "pt"},  # loaders check it
        kept={config.name: sha256_file(config)},
    )


def _array(tensor: "torch.Tensor") -> "np.ndarray":
    """Return a tensor as an array to write."""
    import torch

    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.int16).numpy().view(BFLOAT16)
    return tensor.numpy()


def empty_network(folder: Path, *, kind: str = NETWORK) -> Any:
    """Return a network of a run without memory for its weights, which have shapes and no values."""
    import torch

    with torch.device("meta"):
        return import_network(kind).from_config(read_json(folder / "config.json"))


def load_network(
    folder: Path,
    *,
    device: "torch.device",
    kind: str = NETWORK,
    dtype: "torch.dtype | None" = None,
) -> Any:
    """Load a whole network of a run for inference, from its sealed files only.

    Args:
        folder: of the network.
        device: to load to.
        kind: its class, of diffusers.
        dtype: of the weights; None for float32.

    Raises:
        InputError: the folder does not hold a complete, unchanged network.
    """
    import torch
    from safetensors import safe_open

    weights = folder / WEIGHTS
    if not weights.is_file():
        raise InputError(f"{folder} does not hold a network's weights, {WEIGHTS}; run again.")
    check_kept(folder / "config.json", keeper=weights)
    try:
        # Not from_pretrained: it prefers an index of several weight files, if there is one.
        network = empty_network(folder, kind=kind)
        with safe_open(weights, framework="pt") as opened:
            # Copied one by one: tensors of the file are not aligned, which may change last digits.
            tensors = {
                name: opened.get_tensor(name).to(dtype or torch.float32, copy=True)
                for name in opened.keys()  # noqa: SIM118
            }
        network.load_state_dict(tensors, strict=True, assign=True)
    except Exception as error:  # diffusers, safetensors and torch each raise their own
        raise InputError(
            f"{folder} does not hold a network's weights ({' '.join(str(error).split())[:200]}); "
            f"delete {weights} and run again."
        ) from error
    return network.eval().requires_grad_(False).to(device)


def read_network(source: str | Path, *, kind: str = NETWORK) -> Any:
    """Load a network of another program for inference, in the format of diffusers.

    Args:
        source: a folder, or a name on the Hugging Face Hub.
        kind: its class, of diffusers.

    Raises:
        InputError: it does not exist, or is not complete.
    """
    try:
        model, loading = import_network(kind).from_pretrained(
            source,
            use_safetensors=True,
            local_files_only=isinstance(source, Path),
            low_cpu_mem_usage=False,
            output_loading_info=True,
        )
    except Exception as error:  # the hub's client, diffusers, safetensors and torch raise their own
        raise InputError(
            f"{source} does not hold a {kind} of diffusers in safetensors "
            f"({' '.join(str(error).split())[:200]})."
        ) from error
    wrong = [
        name for kind in ("missing", "unexpected", "mismatched") for name in loading[f"{kind}_keys"]
    ]
    if wrong:
        raise InputError(
            f"{source} does not hold the weights of its configuration: {wrong[0]} and {len(wrong) - 1} "
            f"others are missing, or do not belong to a {kind}."
        )
    return model.eval().requires_grad_(False)
