"""Perceptual distances by networks: one number for each pair of images.

Shift-tolerant LPIPS (Ghildyal & Liu, ECCV 2022) comes with its weights in the package stlpips_pytorch, an
optional dependency; `take_weights` keeps them as safetensors. Of LPIPS, OpenCLIP and DINOv2 the user installs the packages and
provides the weight files; nothing is downloaded.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from encoded_ensembles.data.likeness import See
from encoded_ensembles.storage.files import InputError, check

if TYPE_CHECKING:
    import torch

Measure = Callable[[np.ndarray], np.ndarray]  # counterfactuals (B, C, H, W) to distances (B,)
Network = tuple[Any, Any]  # a module, and a function that compares images (B, C, H, W) in [-1, 1]
PARTS = 64  # images per call of a network
STLPIPS = "stlpips"
PACKAGED = "weights/vST0.0/alex_shift_tolerant.pth"  # in the package stlpips_pytorch
PACKAGED_SHA256 = "b356b382f96010f77d085ee8343ecd9fd322d0a56e8de2b2d0549fafcad8b9ee"


def feature_distance(features: Callable[[np.ndarray], np.ndarray], factual: np.ndarray) -> Measure:
    """Return the function for Euclidean distances of features from those of the factual samples."""
    start = np.asarray(features(factual), np.float64)
    return lambda images: np.linalg.norm(features(images) - start, axis=1)


def load_lpips(package: ModuleType) -> Network:
    """Return LPIPS on AlexNet from the package lpips."""
    model = package.LPIPS(net="alex", pretrained=False, pnet_rand=True, verbose=False)
    return model, _pairs(model)


def load_stlpips(package: ModuleType, *, pretrained: bool = False) -> Network:
    """Return shift-tolerant LPIPS on AlexNet from the package stlpips_pytorch, with its own weights if asked."""
    model = package.LPIPS(
        net="alex", variant="shift_tolerant", pretrained=pretrained, verbose=False
    )
    return model, _pairs(model)


def _pairs(model: Any) -> Any:
    """Return the function that compares images by a network on AlexNet."""

    def compare(a: "torch.Tensor", b: "torch.Tensor") -> "torch.Tensor":
        return model(_for_alexnet(a), _for_alexnet(b)).flatten()

    return compare


def _for_alexnet(images: "torch.Tensor") -> "torch.Tensor":
    """Return images in colour, at least as large as AlexNet accepts."""
    return resize(images, max(64, *images.shape[2:]))


def load_openclip(package: ModuleType) -> Network:
    """Return CLIP's ViT-B/32 from the package open_clip: 1 minus the cosine of two embeddings."""
    model = package.create_model("ViT-B-32")
    colours = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
    return model, lambda a, b: angle(model.encode_image, a, b, colours)


def load_dinov2(package: ModuleType) -> Network:
    """Return DINOv2's ViT-S/14 from the package timm: 1 minus the cosine of two embeddings."""
    model = package.create_model("vit_small_patch14_dinov2", num_classes=0, dynamic_img_size=True)
    return model, lambda a, b: angle(model, a, b, ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))


NETWORKS = {
    STLPIPS: ("stlpips_pytorch.stlpips", load_stlpips),
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
    """Return 1 minus the cosine of the embeddings of images in [-1, 1], at 224x224."""
    import torch

    mean, spread = (a.new_tensor(values).view(3, 1, 1) for values in colours)
    one, other = (embed(((resize(x, 224) + 1) / 2 - mean) / spread) for x in (a, b))
    return 1 - torch.nn.functional.cosine_similarity(one, other)


def weight_file(name: str, named: str | None) -> Path:
    """Return the file of a network's weights: the one named, else the default.

    Raises:
        InputError: the file does not exist.
    """
    path = Path(named or f"resources/{name}.safetensors")
    if not path.is_file():
        raise InputError(
            f"the weights of {name} are expected in {path}, which does not exist; put the network's "
            f"safetensors file there, set influence.weights.{name}, or remove {name} from "
            "influence.distances."
        )
    return path


def network_distance(
    name: str, *, weights: Path, factual: np.ndarray, device: "torch.device"
) -> Measure:
    """Return the function for distances from the factual samples by a network in `NETWORKS`.

    Args:
        name: of the network.
        weights: safetensors file of its weights, as `safetensors.torch.save_model` writes it.
        factual: (B, C, H, W) float32 in [-1, 1].
        device: where to compute.

    Raises:
        InputError: the package is missing, or the file does not fit the network.
    """
    import torch

    _, compare = _load(name, weights, device)
    start = torch.from_numpy(factual).to(device).split(PARTS)

    def measure(images: np.ndarray) -> np.ndarray:
        parts = torch.from_numpy(images).to(device).split(PARTS)
        with torch.inference_mode():
            distances = [compare(a, b) for a, b in zip(start, parts, strict=True)]
        return torch.cat(distances).cpu().numpy().astype(np.float64)

    return measure


def embedding(weights: Path, *, device: "torch.device") -> See:
    """Return the function to points whose squared Euclidean distance is shift-tolerant LPIPS.

    LPIPS adds up, over layers, the mean over positions of weighted squared differences of features of unit
    length. So the points are these features times the roots of the weights over the number of positions.

    Args:
        weights: safetensors file of `take_weights`.
        device: where to compute.

    Raises:
        InputError: see `network_distance`.
    """
    import torch

    model, _ = _load(STLPIPS, weights, device)

    def points(images: "torch.Tensor") -> "torch.Tensor":
        layers = model.net(model.scaling_layer(_for_alexnet(images)))
        return torch.cat(
            [scale(x, lin.model[-1].weight) for x, lin in zip(layers, model.lins, strict=True)], 1
        )

    def scale(features: "torch.Tensor", weight: "torch.Tensor") -> "torch.Tensor":
        unit = torch.nn.functional.normalize(features, eps=1e-10)
        return (unit * (weight / features[0, 0].numel()).sqrt()).flatten(1)

    def see(images: np.ndarray) -> np.ndarray:
        parts = torch.from_numpy(np.asarray(images, np.float32)).to(device).split(PARTS)
        with torch.inference_mode():
            return np.concatenate([points(part).cpu().numpy() for part in parts])

    return see


def take_weights(output: Path) -> None:
    """Write the weights of shift-tolerant LPIPS from its package as safetensors.

    The package reads them from a file of its own, whose digest is checked before. What it lists twice, as `lin0` and
    in `lins`, is written once.

    Raises:
        InputError: the package is missing, or its weights are others.
    """
    from encoded_ensembles.storage.files import sha256_file, write_tensors

    _build(STLPIPS)
    file = Path(import_module("stlpips_pytorch").__path__[0], PACKAGED)
    found = sha256_file(file)
    if found != PACKAGED_SHA256:
        raise InputError(
            f"{file} has the SHA-256 {found}, expected {PACKAGED_SHA256}, that of stlpips_pytorch 0.0.2; "
            "install this version again."
        )
    model, _ = _build(STLPIPS, pretrained=True)
    write_tensors(
        output,
        {name: each.numpy() for name, each in model.state_dict().items() if "lins." not in name},
    )


def _build(name: str, **options: Any) -> Network:
    """Return a network of `NETWORKS`, without weights unless options of its function say otherwise.

    Raises:
        InputError: the package is missing.
    """
    package, load = NETWORKS[name]
    try:
        return load(import_module(package), **options)
    except ImportError as error:
        advice = " (pip install 'encoded-ensembles[perceptual]')" if name == STLPIPS else ""
        raise InputError(
            f"the configuration names {name}, which needs the Python package {package} ({error}); "
            f"install it{advice}, or remove {name}."
        ) from error


def _load(name: str, weights: Path, device: "torch.device") -> Network:
    """Return a network of `NETWORKS` with its weights, on a device.

    Raises:
        InputError: the package is missing, or the file does not fit the network.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_model

    model, compare = _build(name)
    if name == STLPIPS:
        check(weights)
    try:
        load_model(model, weights)
    except (SafetensorError, RuntimeError) as error:
        raise InputError(
            f"{weights} does not hold the weights of {name} ({str(error).splitlines()[0]}); expected "
            "those of the network that encoded_ensembles.features.perceptual builds."
        ) from error
    model.eval().to(device)
    return model, compare
