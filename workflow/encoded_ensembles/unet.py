"""The network of a member: a diffusers UNet2DModel, built from the configuration."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encoded_ensembles.files import InputError

if TYPE_CHECKING:
    import torch
    from diffusers import UNet2DModel

# ASSUME: network and schedule.
LEVELS = 1000  # noise levels of the diffusion, as in Ho et al., arXiv 2006.11239
WEIGHTS = "diffusion_pytorch_model.safetensors"  # diffusers' own name


def unet_config(
    *, shape: tuple[int, int, int], widths: Sequence[int], layers_per_block: int, attention: bool
) -> dict[str, Any]:
    """Return the arguments of UNet2DModel.

    Args:
        shape: (C, H, W) of an image.
        widths: channels at each resolution, finest first.
        layers_per_block: residual layers at each resolution.
        attention: attend at every resolution but the finest.

    Raises:
        InputError: the image cannot be halved often enough.
    """
    channels, height, width = shape
    factor = 2 ** (len(widths) - 1)
    if height % factor or width % factor:
        raise InputError(
            f"model.widths has {len(widths)} levels, which halve an image {len(widths) - 1} times, "
            f"but images of {height}x{width} pixels do not divide by {factor}; use fewer widths or "
            f"set dataset.size to {-(-max(height, width) // factor) * factor}."
        )
    deeper = len(widths) - 1
    kind = "Attn" if attention else ""
    return {
        "sample_size": (height, width),
        "in_channels": channels,
        "out_channels": channels,
        "block_out_channels": tuple(widths),
        "layers_per_block": layers_per_block,
        "norm_num_groups": 8,
        "down_block_types": ("DownBlock2D", *[f"{kind}DownBlock2D"] * deeper),
        "up_block_types": (*[f"{kind}UpBlock2D"] * deeper, "UpBlock2D"),
        "add_attention": attention,
    }


def import_unet() -> "type[UNet2DModel]":
    """Import diffusers' network without SciPy, which diffusers takes where it finds it.

    It serves options of schedulers that are not used here, and takes a sixth of the start of a job.
    """
    hidden = not {"scipy", "diffusers"} & set(sys.modules)  # diffusers looks for it once
    if hidden:
        sys.modules["scipy"] = None  # type: ignore[assignment]  # Python's way to say: not there
    try:
        from diffusers import UNet2DModel
    finally:
        if hidden:
            del sys.modules["scipy"]
    return UNet2DModel


def build_unet(config: dict[str, Any], *, seed: int) -> "UNet2DModel":
    """Return a network with initial weights that follow from `seed` alone."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return import_unet()(**config)


def load_unet(folder: Path, *, device: "torch.device") -> "UNet2DModel":
    """Load a member's network for inference.

    Raises:
        InputError: the folder does not hold a whole network.
    """
    try:
        model = import_unet().from_pretrained(
            folder, use_safetensors=True, local_files_only=True, low_cpu_mem_usage=False
        )
    except Exception as error:  # diffusers, safetensors and torch each raise their own
        raise InputError(
            f"{folder} does not hold a member's weights ({' '.join(str(error).split())[:200]}); "
            f"delete {folder / WEIGHTS} and run again."
        ) from error
    return model.eval().requires_grad_(False).to(device)
