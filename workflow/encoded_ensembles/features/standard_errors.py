"""Standard errors of Frechet and kernel distances over the choice of images.

Computed by the infinitesimal jackknife: the change of the distance with the weight of each image,
from one decomposition and without random draws. Source: Efron, *The Jackknife, the Bootstrap and Other
Resampling Plans*, SIAM, 1982, chapter 6.
"""

import numpy as np

PAIRED = 2000  # images of each set that kernels are computed on


def frechet_error(features: np.ndarray, reference: np.ndarray) -> float:
    """Return the standard error of the Frechet distance of two sets of features.

    The distance is |m - n|^2 + |A|^2 + |B|^2 - 2 |A B'|, where the rows of A and B are the centred
    features over the root of (number of images - 1), and the last norm is the nuclear norm.

    Args:
        features: (N, D), N >= 2.
        reference: (M, D), M >= 2.
    """
    sets = [np.asarray(rows, np.float64) for rows in (features, reference)]
    centred = [rows - rows.mean(axis=0) for rows in sets]
    shift = sets[0].mean(axis=0) - sets[1].mean(axis=0)
    parts = [rows / np.sqrt(len(rows) - 1) for rows in centred]
    (base, upper), (other, lower) = (np.linalg.qr(part) for part in parts)
    left, values, right = np.linalg.svd(upper @ lower.T, full_matrices=False)
    # Smaller singular values are noise of a singular covariance.
    significant = values > values.max(initial=0) * 1e-10
    rotation = left[:, significant] @ right[significant]
    mapped = (base @ (rotation @ lower), other @ (rotation.T @ upper))
    variance = 0.0
    for rows, part, image, towards in zip(centred, parts, mapped, (shift, -shift), strict=True):
        effect = len(part) * ((part - image) * part).sum(axis=1) + 2 * rows @ towards
        variance += effect.var(ddof=1) / len(effect)
    return float(np.sqrt(variance))


def kid_error(features: np.ndarray, reference: np.ndarray) -> float:
    """Return the standard error of KID, the squared MMD with the kernel (x.y / D + 1)^3.

    Args:
        features: (N, D), N >= 2.
        reference: (M, D), M >= 2.
    """
    some, others = (np.asarray(rows[:PAIRED], np.float64) for rows in (features, reference))
    across = _kernel(some, others)
    variance = 0.0
    for rows, between, count in (
        (some, across, len(features)),
        (others, across.T, len(reference)),
    ):
        within = _kernel(rows, rows)
        alone = (within.sum(axis=1) - within.diagonal()) / (len(rows) - 1)
        variance += (2 * (alone - between.mean(axis=1))).var(ddof=1) / count
    return float(np.sqrt(variance))


def _kernel(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the kernel of all pairs of rows, (N, M)."""
    return (rows @ others.T / rows.shape[1] + 1) ** 3
