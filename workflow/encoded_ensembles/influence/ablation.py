"""Influence: how far ablating a unit moves a sample, against its null distribution.

Sources: Dai & Gifford, arXiv 2306.02174 (ablation) and arXiv 2406.07908 (counterfactual radius). The
null distribution is our addition: ablations by null code words.
"""

from collections.abc import Iterable

import numpy as np

from encoded_ensembles.codes.words import hamming

# ASSUME: scale of distances.
PUBLISHED_SIZE = 256 * 256 * 3  # number of values of an image at the scale of the published radii
WINDOW = 7  # side of the window of SSIM; smaller than the published 11, for images of 8x8


def distances(factual: np.ndarray, counterfactuals: np.ndarray) -> np.ndarray:
    """Return the Euclidean distance of counterfactuals from their factual samples.

    Args:
        factual: s (B, C, H, W) float32 in [-1, 1].
        counterfactuals: (A, B, C, H, W).

    Returns:
        (A, B) float64, 0..2 sqrt(C H W).
    """
    result = np.empty(counterfactuals.shape[:2])
    for row, images in zip(result, counterfactuals, strict=True):
        row[:] = np.sqrt(np.square(images.astype(np.float64) - factual).sum(axis=(1, 2, 3)))
    return result


def published_scale(distance: np.ndarray, *, shape: tuple[int, int, int]) -> np.ndarray:
    """Convert distances to the published scale: images of 256x256x3 with values in [0, 1].

    Exact for enlargement by repeated pixels and channels (8x8x1: factor sqrt(3072)/2).
    Source: README of zheng-dai/counterfactualuniverses at 562effa8.

    Args:
        distance: of images in [-1, 1].
        shape: (C, H, W) of these images.
    """
    return distance / 2 * np.sqrt(PUBLISHED_SIZE / np.prod(shape))


# ASSUME: window of SSIM.
def ssim(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the structural similarity of images in [-1, 1], averaged over windows and channels.

    A window is 7x7 with equal weights, or the largest odd square that fits the images; only whole
    windows are used.
    Source: Wang et al., *Image quality assessment: from error visibility to structural similarity*,
    IEEE TIP 2004, equation 13 with K1 = 0.01, K2 = 0.03 and L = 2.

    Args:
        one: (B, C, H, W).
        other: (B, C, H, W).

    Returns:
        (B,) float64, at most 1, its value for equal images.
    """
    from scipy.ndimage import uniform_filter

    side = (min(WINDOW, *one.shape[2:]) - 1) // 2 * 2 + 1
    whole = slice(side // 2, -(side // 2) or None)

    def mean(values: np.ndarray) -> np.ndarray:
        return uniform_filter(values, (1, 1, side, side))[:, :, whole, whole]

    x, y = one.astype(np.float64), other.astype(np.float64)
    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    c1, c2 = (0.01 * 2) ** 2, (0.03 * 2) ** 2
    similarity = (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    return similarity.mean(axis=(1, 2, 3))


def matched(moved: np.ndarray, total: np.ndarray, *, masks: int) -> np.ndarray:
    """Return the Euclidean distance of one counterfactual from the mean of those of all other masks.

    All masks drop the same number of members: the average effect of dropping that number cancels.

    Args:
        moved: (B, C, H, W).
        total: (B, C, H, W) float64, the sum over all masks, this one among them.
        masks: number of masks; the distance is 0 for a single one.

    Returns:
        (B,) float64.
    """
    difference = (masks * moved.astype(np.float64) - total) / max(1, masks - 1)
    return np.sqrt(np.square(difference).sum(axis=(1, 2, 3)))


def ranks(distance: np.ndarray) -> np.ndarray:
    """Rank the units for each sample: 1 has the largest distance; ties by unit number.

    Args:
        distance: d (U, B).

    Returns:
        (U, B) int64, 1..U.
    """
    order = np.argsort(-distance, axis=0, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(1, len(distance) + 1)[:, None], axis=0)
    return rank


def radius(distance: np.ndarray) -> np.ndarray:
    """Return the counterfactual radius: the largest distance in each sample's landscape.

    Args:
        distance: d (U, B).

    Returns:
        r (B,).
    """
    return distance.max(axis=0)


def aliasing(displacements: Iterable[np.ndarray], code: np.ndarray) -> np.ndarray:
    """Measure the similarity of two units' displacements by the Hamming distance of their words.

    The displacement of a unit is counterfactual minus factual. A cosine of 1 means that the two
    units' ablations cannot be distinguished. Pairs with a zero displacement are left out.

    Args:
        displacements: of each sample, (U, F) float.
        code: (U, n) bool.

    Returns:
        (rows, 5) float64: Hamming distance, pairs of units, and the lower quartile, mean and upper
        quartile of the cosine (mean over samples); one row for each distance that occurs.
    """
    total, count = np.zeros((len(code), len(code))), np.zeros((len(code), len(code)))
    for column in displacements:
        moved = column.astype(np.float64)
        length = np.linalg.norm(moved, axis=1, keepdims=True)
        unit = np.divide(moved, length, out=np.full(moved.shape, np.nan), where=length > 0)
        each = unit @ unit.T
        count += np.isfinite(each)
        total += np.nan_to_num(each)
    cosine = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    upper = np.triu_indices(len(code), k=1)
    distance, value = hamming(code)[upper], cosine[upper]
    known = np.isfinite(value)
    distance, value = distance[known], value[known]
    rows = []
    for hamming_distance in np.unique(distance):
        cosines = value[distance == hamming_distance]
        rows.append(
            (
                hamming_distance,
                len(cosines),
                np.quantile(cosines, 0.25),
                cosines.mean(),
                np.quantile(cosines, 0.75),
            )
        )
    return np.array(rows, np.float64).reshape(-1, 5)
