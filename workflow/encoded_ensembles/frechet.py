"""Frechet and kernel distances between sets of images, on features that are named.

With the Inception network these are FID and KID by clean-fid's "clean" protocol (Parmar et al.,
arXiv 2104.11222). Without it they are distances on other features and never called FID.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from encoded_ensembles.classifier import BATCH, FEATURES, load_classifier
from encoded_ensembles.data import ImageSet, to_signed
from encoded_ensembles.files import InputError
from encoded_ensembles.standard_errors import frechet_error, kid_error

if TYPE_CHECKING:
    import pandas as pd
    import torch

INCEPTION = "inception-2015-12-05.pt"  # file name that clean-fid expects
SHOWN = 12  # images of each scored set that are kept to be drawn


class Extractor(NamedTuple):
    """A way to turn images into features."""

    name: str
    features: Callable[[np.ndarray], np.ndarray]  # (N, H, W, C) uint8 to (N, D) float


class Scores(NamedTuple):
    """Distances of a set of images from a reference set, in the order of the columns of scores.csv.

    Attributes:
        frechet: Frechet distance, biased upwards the more the fewer the images.
        frechet_error: its standard error.
        kid_1000: KID x 1000, as it is usually published; unbiased, so it can be below 0.
        kid_1000_error: its standard error.
        reference: images of the reference set.
        features: D.
        singular: whether a covariance is singular: a set has no more images than features.
    """

    frechet: float
    frechet_error: float
    kid_1000: float
    kid_1000_error: float
    reference: int
    features: int
    singular: bool


def score(features: np.ndarray, reference: np.ndarray, *, inception: bool = False) -> Scores:
    """Return the Frechet distance and KID between two sets of features, by clean-fid.

    KID is the unbiased squared MMD with a cubic kernel (Binkowski et al., arXiv 1801.01401), the mean
    over 100 random subsets, drawn with a fixed seed. The kernel (x.y / D + 1)^3 depends on the scale of
    features: those of Inception are taken as they are, as is usual, others are divided by their root
    mean square over the reference. Standard errors: `standard_errors`.

    Args:
        features: (N, D), N >= 2.
        reference: (M, D), M >= 2.
        inception: whether they are Inception's.

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
    root = (
        1.0 if inception else float(np.sqrt(np.square(reference, dtype=np.float64).mean())) or 1.0
    )
    scaled = np.asarray(features, np.float64) / root, np.asarray(reference, np.float64) / root
    state = np.random.get_state()
    np.random.seed(0)  # clean-fid draws KID's subsets from NumPy's global generator
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # scipy's sqrtm(disp=)
            warnings.simplefilter("ignore", RuntimeWarning)  # singular covariance of a small set
            frechet = float(fid_from_feats(features, reference))
        kid = kernel_distance(*scaled)
    finally:
        np.random.set_state(state)
    return Scores(
        frechet,
        frechet_error(features, reference),
        1000 * kid,
        1000 * kid_error(*scaled),
        len(reference),
        features.shape[1],
        min(len(features), len(reference)) <= features.shape[1],
    )


def share_spare(spare: ImageSet, training: ImageSet, *, samples: int) -> tuple[ImageSet, ImageSet]:
    """Share images between the classifier and the real row, which shows what real images score.

    Args:
        spare: images neither trained on nor held out, in random order.
        training: the members' training images, used where the spare ones are too few.
        samples: images in every scored set.

    Returns:
        images to train the classifier on, images to score as real, `samples` of them or all training
        images if these are fewer; the two do not overlap unless there are fewer spare images than
        twice `samples` and than training images.
    """
    if len(spare) >= 2 * samples:
        index = np.arange(len(spare))
        return spare.take(index[:-samples]), spare.take(index[-samples:])
    real = training
    if len(training) > samples:  # a distance depends on the number of images
        chosen = np.random.default_rng(0).choice(len(training), samples, replace=False)
        real = training.take(np.sort(chosen))
    return (spare if len(spare) > len(training) else training), real


def classifier_extractor(path: Path, *, shape: tuple[int, int, int]) -> Extractor:
    """Return the features of the classifier saved at `path`, on the CPU."""
    import torch

    body = load_classifier(path, shape=shape)[0]

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


def in_words(row: Mapping[Any, Any]) -> str:
    """Return the distances of one row of scores with their standard errors, in words.

    Args:
        row: set, kept, those of `Scores`, and extractor.
    """
    kept = row["kept"]
    members = f" ({kept} member{'s' if kept > 1 else ''})" if kept else ""
    return (
        f"{row['set']}{members}: {describe(row['extractor'])} "
        f"{row['frechet']:.1f} ± {row['frechet_error']:.1f}, "
        f"KID x 1000 {row['kid_1000']:.1f} ± {row['kid_1000_error']:.1f}"
    )


def caution(scores: "pd.DataFrame") -> str:
    """Return what limits these distances: "" where every set has more images than features.

    Args:
        scores: columns set, images, frechet, frechet_error, reference, features, singular.
    """
    few = scores[scores["singular"]]
    if few.empty:
        return ""
    row = few.iloc[0]
    real = scores[scores["set"] == "real"]
    advice = "compare it with that of as many real images only"
    if len(real):
        advice = (
            f"real images get {real['frechet'].iloc[0]:.1f} ± {real['frechet_error'].iloc[0]:.1f}"
        )
    return (
        f"Too few images for {row['features']} features: {few['images'].max()} against "
        f"{row['reference']} held-out ones. Covariances are singular, which biases a Frechet distance "
        f"upwards: {advice}."
    )
