"""Standard errors of Frechet and kernel distances: how far other images would have moved them.

By the infinitesimal jackknife: how the distance changes with the weight of each image, from one
decomposition and without drawing anything. Source: Efron, *The Jackknife, the Bootstrap and Other
Resampling Plans*, SIAM, 1982, chapter 6.
"""

import numpy as np

PAIRED = 2000  # images of each set that kernels are taken with


def frechet_error(features: np.ndarray, reference: np.ndarray) -> float:
    """Return the standard error of the Frechet distance of two sets of features.

    The distance is |m - n|^2 + |A|^2 + |B|^2 - 2 |A B'|, where the rows of A and B are the centred
    features over the root of one less than their number, and the last norm is the nuclear norm.

    Args:
        features: (N, D), N >= 2.
        reference: (M, D), M >= 2.
    """
    sets = [np.asarray(each, np.float64) for each in (features, reference)]
    centred = [each - each.mean(axis=0) for each in sets]
    shift = sets[0].mean(axis=0) - sets[1].mean(axis=0)
    parts = [each / np.sqrt(len(each) - 1) for each in centred]
    (base, upper), (other, lower) = (np.linalg.qr(each) for each in parts)
    left, values, right = np.linalg.svd(upper @ lower.T, full_matrices=False)
    real = values > values.max(initial=0) * 1e-10  # the others are noise of a singular covariance
    rotation = left[:, real] @ right[real]
    moved = (base @ (rotation @ lower), other @ (rotation.T @ upper))
    variance = 0.0
    for rows, part, image, towards in zip(centred, parts, moved, (shift, -shift), strict=True):
        effect = len(part) * ((part - image) * part).sum(axis=1) + 2 * rows @ towards
        variance += effect.var(ddof=1) / len(effect)
    return float(np.sqrt(variance))


def kid_error(features: np.ndarray, reference: np.ndarray) -> float:
    """Return the standard error of KID, the squared MMD with the kernel (x.y / D + 1)^3.

    Args:
        features: (N, D), N >= 2.
        reference: (M, D), M >= 2.
    """
    some, others = (np.asarray(each[:PAIRED], np.float64) for each in (features, reference))
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
    return (rows @ others.T / rows.shape[1] + 1) ** 3
