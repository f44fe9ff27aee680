"""Frechet and kernel distances between sets of images, on named features.

With the Inception network these are FID and KID by clean-fid's "clean" protocol (Parmar et al.,
arXiv 2104.11222). Without it they are distances on other features and never called FID.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from encoded_ensembles.data.images import ImageSet
from encoded_ensembles.features.standard_errors import frechet_error, kid_error
from encoded_ensembles.storage.files import InputError

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 12  # images of each scored set that are stored for figures


class Scores(NamedTuple):
    """Distances of a set of images from a reference set, in the order of the columns of scores.csv.

    Attributes:
        frechet: Frechet distance; the fewer the images, the larger its upward bias.
        frechet_error: its standard error.
        kid_1000: KID x 1000, as usually published; unbiased, so it can be below 0.
        kid_1000_error: its standard error.
        reference: number of images in the reference set.
        features: D.
        singular: whether a covariance is singular: a set has at most as many images as features.
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
    features: those of Inception are not scaled, as usual; others are divided by their root mean square
    over the reference. Standard errors: `standard_errors`.

    Args:
        features: (N, D), N >= 2.
        reference: (M, D), M >= 2.
        inception: whether the features are those of Inception.

    Raises:
        InputError: a set has fewer than two images.
    """
    import warnings

    from cleanfid.fid import fid_from_feats, kernel_distance

    if min(len(features), len(reference)) < 2:
        raise InputError(
            f"a Frechet distance between {len(features)} and {len(reference)} images was requested, "
            "expected at least 2 in each set; raise frechet.samples or dataset.heldout."
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


def trains_on_spare(spare: int, training: int, *, samples: int) -> bool:
    """Return whether the classifier is trained on spare images; otherwise on the members' training images.

    Args:
        spare: number of spare images.
        training: number of training images.
        samples: number of images in every scored set.
    """
    return spare >= 2 * samples or spare > training


def share_spare(spare: ImageSet, training: ImageSet, *, samples: int) -> tuple[ImageSet, ImageSet]:
    """Divide images between the classifier and the row of scores for real images.

    Args:
        spare: images neither trained on nor held out, in random order.
        training: the members' training images, used if there are too few spare images.
        samples: number of images in every scored set.

    Returns:
        images to train the classifier on, and `samples` images to score as real (all training images
        if these are fewer). The two overlap only if there are fewer spare images than twice `samples`
        and than training images.
    """
    if len(spare) >= 2 * samples:
        index = np.arange(len(spare))
        return spare.take(index[:-samples]), spare.take(index[-samples:])
    real = training
    if len(training) > samples:  # a distance depends on the number of images
        chosen = np.random.default_rng(0).choice(len(training), samples, replace=False)
        real = training.take(np.sort(chosen))
    own = trains_on_spare(len(spare), len(training), samples=samples)
    return (spare if own else training), real


def describe(extractor: str) -> str:
    """Return the name of the Frechet distance on these features in figures and tables."""
    return {
        "inception": "FID (clean-fid)",
        "classifier": "Frechet distance (data-set classifier)",
        "pixels": "Frechet distance (pixels)",
    }[extractor]


def in_words(row: Mapping[Any, Any]) -> str:
    """Return the distances of one row of scores with their standard errors, in words.

    Args:
        row: set, kept, the fields of `Scores`, and extractor.
    """
    kept = row["kept"]
    members = f" ({kept} member{'s' if kept > 1 else ''})" if kept else ""
    return (
        f"{row['set']}{members}: {describe(row['extractor'])} "
        f"{row['frechet']:.1f} ± {row['frechet_error']:.1f}, "
        f"KID x 1000 {row['kid_1000']:.1f} ± {row['kid_1000_error']:.1f}"
    )


def caution(scores: "pd.DataFrame") -> str:
    """Return a caution on these distances; "" if every set has more images than features.

    The text is part of figures and of the model card: another wording changes their bytes.

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
