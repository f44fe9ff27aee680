"""Distances of pictures as networks see them: pairs of images in, one number each out.

The networks of LPIPS, OpenCLIP and DINOv2 are no part of this program: they come from packages and
weight files that the user has, and nothing is fetched.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from encoded_ensembles.storage.files import InputError

if TYPE_CHECKING:
    import torch

Measure = Callable[[np.ndarray], np.ndarray]  # moved (B, C, H, W) to its distances (B,)
Network = tuple["torch.nn.Module", Any]  # and what compares images (B, C, H, W) in [-1, 1]
PARTS = 64  # images given to a network at once


def feature_distance(features: Callable[[np.ndarray], np.ndarray], factual: np.ndarray) -> Measure:
    """Return the Euclidean distance of images' features from those of the factual samples."""
    start = np.asarray(features(factual), np.float64)
    return lambda moved: np.linalg.norm(features(moved) - start, axis=1)


def load_lpips(package: ModuleType) -> Network:
    """Return LPIPS on AlexNet, of the package lpips."""
    model = package.LPIPS(net="alex", pretrained=False, pnet_rand=True, verbose=False)

    def compare(a: "torch.Tensor", b: "torch.Tensor") -> "torch.Tensor":
        side = max(64, *a.shape[2:])  # AlexNet takes no less
        return model(resize(a, side), resize(b, side)).flatten()

    return model, compare


def load_openclip(package: ModuleType) -> Network:
    """Return CLIP's ViT-B/32, of the package open_clip: 1 less the cosine of two embeddings."""
    model = package.create_model("ViT-B-32")
    colours = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
    return model, lambda a, b: angle(model.encode_image, a, b, colours)


def load_dinov2(package: ModuleType) -> Network:
    """Return DINOv2's ViT-S/14, of the package timm: 1 less the cosine of two embeddings."""
    model = package.create_model("vit_small_patch14_dinov2", num_classes=0, dynamic_img_size=True)
    return model, lambda a, b: angle(model, a, b, ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))


NETWORKS = {
    "lpips": ("lpips", load_lpips),
    "openclip": ("open_clip", load_openclip),
    "dinov2": ("timm", load_dinov2),
}


def resize(images: "torch.Tensor", side: int) -> "torch.Tensor":
    """Return grey or colour images as (B, 3, side, side), by cubic interpolation."""
    import torch

    colour = images.expand(-1, 3, -1, -1)
    return torch.nn.functional.interpolate(colour, (side, side), mode="bicubic", antialias=True)


def angle(embed: Any, a: "torch.Tensor", b: "torch.Tensor", colours: Any) -> "torch.Tensor":
    """Return 1 less the cosine of the embeddings of images in [-1, 1], at 224x224."""
    import torch

    mean, spread = (a.new_tensor(each).view(3, 1, 1) for each in colours)
    one, other = (embed(((resize(x, 224) + 1) / 2 - mean) / spread) for x in (a, b))
    return 1 - torch.nn.functional.cosine_similarity(one, other)


def weight_file(name: str, named: str | None) -> Path:
    """Return the file of a network's weights: the one named, else its usual place.

    Raises:
        InputError: there is no such file.
    """
    path = Path(named or f"resources/{name}.safetensors")
    if not path.is_file():
        raise InputError(
            f"the weights of {name} are expected in {path}, which does not exist; put the network's "
            f"safetensors file there, name another in influence.weights.{name}, or take {name} out of "
            "influence.distances."
        )
    return path


def network_distance(
    name: str, *, weights: Path, factual: np.ndarray, device: "torch.device"
) -> Measure:
    """Return the distance of images from the factual samples by a network in `NETWORKS`.

    Args:
        name: of the network.
        weights: its own weights as safetensors, such as `safetensors.torch.save_model` writes.
        factual: (B, C, H, W) float32 in [-1, 1].
        device: where to compute.

    Raises:
        InputError: the package is missing, or the file does not fit the network.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_model

    package, load = NETWORKS[name]
    try:
        model, compare = load(import_module(package))
    except ImportError as error:
        raise InputError(
            f"influence.distances names {name}, which needs the Python package {package} ({error}); "
            f"install it, or take {name} out."
        ) from error
    try:
        load_model(model, weights)
    except (SafetensorError, RuntimeError) as error:
        raise InputError(
            f"{weights} does not hold the weights of {name} ({str(error).splitlines()[0]}); expected "
            "those of the network that encoded_ensembles.perceptual builds."
        ) from error
    model.eval().to(device)
    start = torch.from_numpy(factual).to(device).split(PARTS)

    def measure(moved: np.ndarray) -> np.ndarray:
        parts = torch.from_numpy(moved).to(device).split(PARTS)
        with torch.inference_mode():
            found = [compare(a, b) for a, b in zip(start, parts, strict=True)]
        return torch.cat(found).cpu().numpy().astype(np.float64)

    return measure
