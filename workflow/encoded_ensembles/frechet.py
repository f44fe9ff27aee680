"""Frechet and kernel distances between sets of images, on features that are named.

With the Inception network these are FID and KID by clean-fid's "clean" protocol (Parmar et al.,
arXiv 2104.11222). Without it they are distances on other features and never called FID.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from encoded_ensembles.data import ImageSet, to_signed
from encoded_ensembles.files import InputError, read_tensors, write_tensors

if TYPE_CHECKING:
    import torch

BATCH = 1024  # images given to a classifier at once
INCEPTION = "inception-2015-12-05.pt"  # file name that clean-fid expects
FEATURES = 64


class Extractor(NamedTuple):
    """A way to turn images into features."""

    name: str
    features: Callable[[np.ndarray], np.ndarray]  # (N, H, W, C) uint8 to (N, D) float


class Scores(NamedTuple):
    """Distances of a set of images from a reference set."""

    frechet: float
    kid: float


def score(features: np.ndarray, reference: np.ndarray) -> Scores:
    """Return the Frechet distance and KID between two sets of features, by clean-fid.

    KID is the unbiased squared MMD with a cubic kernel (Binkowski et al., arXiv 1801.01401), the mean
    over 100 random subsets, drawn with a fixed seed.

    Args:
        features: (N, D), N >= 2.
        reference: (M, D), M >= 2.

    Raises:
        InputError: a set has fewer than two images.
    """
    import warnings

    from cleanfid.fid import fid_from_feats, kernel_distance

    if min(len(features), len(reference)) < 2:
        raise InputError(
            f"a Frechet distance of {len(features)} from {len(reference)} images was asked for, "
            "expected at least 2 of each; raise frechet.samples or dataset.heldout."
        )
    state = np.random.get_state()
    np.random.seed(0)  # clean-fid draws KID's subsets from NumPy's global generator
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # scipy's sqrtm(disp=)
            warnings.simplefilter("ignore", RuntimeWarning)  # singular covariance of a small set
            frechet = float(fid_from_feats(features, reference))
        return Scores(frechet, kernel_distance(features, reference))
    finally:
        np.random.set_state(state)


def share_spare(spare: ImageSet, training: ImageSet, *, samples: int) -> tuple[ImageSet, ImageSet]:
    """Share images between the classifier and the real row, which shows what real images score.

    Args:
        spare: images neither trained on nor held out, in random order.
        training: the members' training images, used where the spare ones are too few.
        samples: images in every scored set.

    Returns:
        images to train the classifier on, images to score as real; the two do not overlap unless
        there are fewer spare images than twice `samples` and than training images.
    """
    if len(spare) >= 2 * samples:
        index = np.arange(len(spare))
        return spare.take(index[:-samples]), spare.take(index[-samples:])
    return (spare if len(spare) > len(training) else training), training


def build_classifier(shape: tuple[int, int, int], *, classes: int) -> "torch.nn.Sequential":
    """Return a small convolutional classifier; its last but one layer has 64 features.

    Args:
        shape: (C, H, W).
        classes: number of labels.
    """
    from torch import nn

    channels, height, width = shape
    area = -(-height // 4) * -(-width // 4)
    body = nn.Sequential(
        nn.Conv2d(channels, 32, 3, stride=2, padding=1),
        nn.SiLU(),
        nn.Conv2d(32, 64, 3, stride=2, padding=1),
        nn.SiLU(),
        nn.Flatten(),
        nn.Linear(64 * area, FEATURES),
        nn.SiLU(),
    )
    return nn.Sequential(body, nn.Linear(FEATURES, classes))


def train_classifier(
    images: ImageSet, *, device: "torch.device", seed: int = 0, epochs: int = 30
) -> "torch.nn.Sequential":
    """Train the feature classifier.

    Raises:
        InputError: the images have fewer than two labels.
    """
    import torch

    classes = len(images.label_names)
    if len(np.unique(images.labels)) < 2:
        raise InputError(
            "frechet.extractor is classifier, but the images have one label only, expected at "
            "least two; set frechet.extractor to pixels."
        )
    rng = np.random.default_rng(seed)
    data = torch.from_numpy(to_signed(images.images)).to(device)
    labels = torch.from_numpy(images.labels).to(device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build_classifier(tuple(data.shape[1:]), classes=classes).to(device)  # type: ignore[arg-type]
    adam = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(epochs):
        for rows in np.array_split(rng.permutation(len(data)), -(-len(data) // 64)):
            index = torch.from_numpy(rows).to(device)
            loss = torch.nn.functional.cross_entropy(model(data[index]), labels[index])
            adam.zero_grad()
            loss.backward()
            adam.step()
    return model.eval()


def accuracy(model: "torch.nn.Module", images: ImageSet, *, device: "torch.device") -> float:
    """Return the share of images that a classifier labels right, 0..1."""
    import torch

    right = 0
    with torch.inference_mode():
        for start in range(0, len(images), BATCH):
            part = images.take(np.arange(start, min(start + BATCH, len(images))))
            scores = model(torch.from_numpy(to_signed(part.images)).to(device))
            right += int((scores.argmax(dim=1).cpu().numpy() == part.labels).sum())
    return right / len(images)


def save_classifier(path: Path, model: "torch.nn.Module") -> None:
    """Write the weights of a classifier as safetensors."""
    write_tensors(path, {name: t.cpu().numpy() for name, t in model.state_dict().items()})


def classifier_extractor(path: Path, *, shape: tuple[int, int, int]) -> Extractor:
    """Return the features of the classifier saved at `path`, on the CPU."""
    import torch

    weights = {name: torch.from_numpy(array) for name, array in read_tensors(path).items()}
    model = build_classifier(shape, classes=len(weights["1.bias"]))
    model.load_state_dict(weights)
    body = model.eval()[0]

    def features(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            parts = torch.from_numpy(to_signed(images)).split(BATCH)
            return torch.cat([body(part) for part in parts]).numpy()

    return Extractor("classifier", features)


def pixels_extractor(reference: np.ndarray) -> Extractor:
    """Return the first 64 principal components of the pixels of reference images as features.

    Args:
        reference: (M, H, W, C) uint8.
    """
    flat = to_signed(reference).reshape(len(reference), -1).astype(np.float64)
    mean = flat.mean(axis=0)
    _, _, components = np.linalg.svd(flat - mean, full_matrices=False)
    basis = components[:FEATURES].T

    def features(images: np.ndarray) -> np.ndarray:
        return (to_signed(images).reshape(len(images), -1) - mean) @ basis

    return Extractor("pixels", features)


def inception_extractor(path: Path, *, device: "torch.device") -> Extractor:
    """Return clean-fid's Inception features, with its own resizing to 299x299.

    Args:
        path: the TorchScript file inception-2015-12-05.pt.
        device: where to compute.

    Raises:
        InputError: there is no such file, or it is not the network.
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
            "fetch it again."
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
    """Return Inception's features if its file is given, else the classifier's, else the pixels'.

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


def describe(extractor: str) -> str:
    """Return what the Frechet distance on these features is called in figures and tables."""
    return {
        "inception": "FID (clean-fid)",
        "classifier": "Frechet distance (data-set classifier)",
        "pixels": "Frechet distance (pixels)",
    }[extractor]
