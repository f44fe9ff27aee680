"""Contrast: how members that saw a unit differ from the others along the factual trajectory.

Which members see a unit is drawn at random, so an ensemble is a randomised experiment: the difference
between members that saw the unit and members that did not is an unbiased estimate of the effect of
seeing it. No counterfactual is needed: the comparison uses every member's estimate of the denoised
image at each sampling step of the factual trajectory.

A member's *pull* towards a unit is how far its estimate lies from the ensemble's in the direction
of the unit's images; a unit's *contrast* is the mean pull of the members that saw it minus that of the
others. The contrasts towards the same unit under null code words are the null distribution.
"""

from collections.abc import Iterator

import numpy as np

from encoded_ensembles.data.likeness import HELD, by_unit, unit_blocks


def level_pulls(
    steps: Iterator[tuple[int, np.ndarray]],
    images: np.ndarray,
    unit_of: np.ndarray,
    *,
    highest: int,
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the pulls at each noise level up to `highest`, in units of their root mean square.

    So every level has the same weight: a pull of 1 is the root mean square of that level's pulls over
    all members, units and samples.

    Args:
        steps: noise levels and estimates (n, B, C, H, W), of `trajectory.estimates`.
        images: (N, C, H, W) float, as members see them.
        unit_of: unit of each image (N,) int.
        highest: largest noise level used, 0..999.

    Yields:
        noise level, descending, and pulls (B, U, n) float32.
    """
    flat = images.reshape(len(images), -1)
    for level, estimate in steps:
        if level <= highest:
            pull = pulls(estimate.reshape(*estimate.shape[:2], -1), flat, unit_of)
            yield level, pull / (float(np.sqrt(np.mean(np.square(pull, dtype=np.float64)))) or 1.0)


def pulls(estimate: np.ndarray, images: np.ndarray, unit_of: np.ndarray) -> np.ndarray:
    """Return how far each member's estimate lies from their mean in the direction of each unit.

    The direction is the unit vector from the mean estimate to an image; a unit's pull is the mean over
    its images.

    Args:
        estimate: (n, B, F) float.
        images: (N, F) float, in the space of the estimates.
        unit_of: (N,) int64, every unit 0..U-1 with an image.

    Returns:
        (B, U, n) float32; the mean over members is zero.
    """
    mean = estimate.mean(axis=0, dtype=np.float64)
    order, starts, sizes = by_unit(unit_of)
    result = np.empty((len(mean), len(sizes), len(estimate)), np.float32)
    for first, last in unit_blocks(sizes, rows=HELD // images.shape[1]):
        rows = order[starts[first] : starts[last - 1] + sizes[last - 1]]
        near, near_of = images[rows], unit_of[rows] - first
        for row, centre, member_estimates in zip(
            result, mean, estimate.transpose(1, 0, 2), strict=True
        ):
            row[first:last] = directions(centre, near, near_of) @ (member_estimates - centre).T
    return result


def directions(centre: np.ndarray, images: np.ndarray, unit_of: np.ndarray) -> np.ndarray:
    """Return the direction from a picture to each unit: the mean of the unit vectors to its images.

    Args:
        centre: (F,) float64.
        images: (N, F) float, in the space of the picture.
        unit_of: (N,) int64, every unit 0..U-1 with an image.

    Returns:
        (U, F) float64.
    """
    order, starts, sizes = by_unit(unit_of)
    direction = images[order] - centre
    length = np.linalg.norm(direction, axis=1, keepdims=True)
    direction /= np.where(length > 0, length, 1)
    return np.add.reduceat(direction, starts, axis=0) / sizes[:, None]


def weights(words: np.ndarray) -> np.ndarray:
    """Return weights that turn pulls into contrasts: mean over the word's members minus the others'.

    Args:
        words: (A, n) bool, each with at least one member in and one out.

    Returns:
        (A, n) float64; each row adds up to zero.
    """
    return words / words.sum(axis=1, keepdims=True) - ~words / (~words).sum(axis=1, keepdims=True)


# DEVIATES: Contrast.
def own_contrasts(pull: np.ndarray, code: np.ndarray) -> np.ndarray:
    """Return the contrast of each unit under its own word.

    Args:
        pull: (B, U, n).
        code: (U, n) bool.

    Returns:
        (U, B) float64.
    """
    return np.einsum("bun,un->ub", pull, weights(code))


def null_contrasts(pull: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Return the contrast of each unit under each null code word.

    Args:
        pull: (B, U, n).
        words: (R, n) bool.

    Returns:
        (U, B, R) float64.
    """
    return np.einsum("bun,rn->ubr", pull, weights(words))


def weighed_contrasts(pull: np.ndarray, words: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return contrasts with weighted members.

    Args:
        pull: (..., n).
        words: (..., n) bool, of the same shape.
        weight: (n, S), at least 0.

    Returns:
        (..., S) float64: weighted mean pull of the members in the word minus that of the others, NaN
        where the weights of a side add up to zero.
    """
    sides = []
    for side in (words, ~words):
        with np.errstate(invalid="ignore", divide="ignore"):
            sides.append((pull * side) @ weight / (side @ weight))
    return sides[0] - sides[1]
