"""Feature extractors: Inception, a classifier trained for the data set, or principal components of pixels."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from encoded_ensembles.data.images import to_rows, to_signed
from encoded_ensembles.features.classifier import FEATURES, batch_of, load_classifier
from encoded_ensembles.storage.files import InputError

if TYPE_CHECKING:
    import torch


INCEPTION = "inception-2015-12-05.pt"  # file name that clean-fid expects


class Extractor(NamedTuple):
    """A function from images to features, and its name."""

    name: str
    features: Callable[[np.ndarray], np.ndarray]  # (N, H, W, C) uint8 to (N, D) float


def classifier_extractor(path: Path, *, shape: tuple[int, int, int]) -> Extractor:
    """Return the extractor of the classifier saved at `path`, on the CPU."""
    import torch

    body = load_classifier(path, shape=shape)[0]

    def features(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return np.concatenate([body(torch.from_numpy(part)).numpy() for part in _parts(images)])

    return Extractor("classifier", features)


def _parts(images: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the images as `to_signed` gives them, some at a time."""
    size = batch_of(images.shape)
    for start in range(0, len(images), size):
        yield to_signed(images[start : start + size])


def pixels_extractor(reference: np.ndarray) -> Extractor:
    """Return the extractor of the first 64 principal components of the pixels of reference images.

    Args:
        reference: (M, H, W, C) uint8.
    """
    flat = to_rows(reference).astype(np.float64)
    mean = flat.mean(axis=0)
    _, _, components = np.linalg.svd(flat - mean, full_matrices=False)
    basis = components[:FEATURES].T

    def features(images: np.ndarray) -> np.ndarray:
        parts = _parts(images)
        return np.concatenate([(part.reshape(len(part), -1) - mean) @ basis for part in parts])

    return Extractor("pixels", features)


def inception_extractor(path: Path, *, device: "torch.device") -> Extractor:
    """Return the extractor of clean-fid's Inception features, with its resizing to 299x299.

    Args:
        path: the TorchScript file inception-2015-12-05.pt.
        device: where to compute.

    Raises:
        InputError: the file does not exist, or is not the network.
    """
    import torch
    from cleanfid.features import InceptionV3W
    from cleanfid.resize import build_resizer

    if path.name != INCEPTION or not path.is_file():
        raise InputError(
            f"frechet.inception is {path}, expected an existing file named {INCEPTION} "
            "(as NVIDIA publishes it with stylegan2-ada-pytorch)."
        )
    try:
        model = InceptionV3W(str(path.parent), download=False).eval().to(device)
    except (RuntimeError, AttributeError) as error:
        raise InputError(
            f"{path} is not the TorchScript Inception network ({str(error).splitlines()[0]}); "
            "download it again."
        ) from error
    resizer = build_resizer("clean")

    def features(images: np.ndarray) -> np.ndarray:
        colour = np.broadcast_to(images, (*images.shape[:3], 3))
        parts = []
        for start in range(0, len(images), 50):
            resized = np.stack([resizer(image) for image in colour[start : start + 50]])
            batch = torch.from_numpy(resized.transpose(0, 3, 1, 2)).float().to(device)
            with torch.inference_mode():
                parts.append(model(batch).cpu().numpy())
        return np.concatenate(parts)

    return Extractor("inception", features)


def choose_extractor(
    reference: np.ndarray,
    *,
    inception: Path | None,
    classifier: Path | None,
    device: "torch.device",
) -> Extractor:
    """Return the extractor of Inception if its file is given, else of the classifier, else of pixels.

    Args:
        reference: (M, H, W, C) uint8.
        inception: the TorchScript file inception-2015-12-05.pt.
        classifier: weights of `save_classifier`.
        device: where Inception is computed.
    """
    _, height, width, channels = reference.shape
    if inception:
        return inception_extractor(inception, device=device)
    if classifier:
        return classifier_extractor(classifier, shape=(channels, height, width))
    return pixels_extractor(reference)
