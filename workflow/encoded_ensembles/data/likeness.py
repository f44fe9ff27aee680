"""Likeness of samples and images: the distance of the nearest image of each unit."""

from collections.abc import Callable, Iterator

import numpy as np

from encoded_ensembles.data.images import to_signed

See = Callable[[np.ndarray], np.ndarray]  # images (N, C, H, W) in [-1, 1] to points (N, F)
HELD = 20_000_000  # distances, or values of images, in memory at once


def by_unit(unit_of: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return positions sorted by unit (N,), the start of each unit (U,), and its size (U,)."""
    sizes = np.bincount(unit_of)
    return np.argsort(unit_of, kind="stable"), np.cumsum(sizes) - sizes, sizes


def unit_blocks(sizes: np.ndarray, *, rows: int) -> Iterator[tuple[int, int]]:
    """Divide units into blocks of at most so many images, but of at least one unit.

    Args:
        sizes: (U,), images of each unit, at least 1.
        rows: images in a block.

    Yields:
        the first unit of a block, and the one after its last.
    """
    ends, first = np.cumsum(sizes), 0
    while first < len(sizes):
        before = ends[first] - sizes[first]
        last = max(first + 1, int(np.searchsorted(ends, before + rows, side="right")))
        yield first, last
        first = last


def nearest_units(
    samples: np.ndarray, images: np.ndarray, unit_of: np.ndarray, see: See | None = None
) -> np.ndarray:
    """Return units in ascending distance of their nearest image from each sample.

    Args:
        samples: (B, C, H, W), in [-1, 1].
        images: (N, H, W, C) uint8.
        unit_of: (N,) int64; every unit 0..U-1 has an image.
        see: maps images to the points that are compared; None compares pixels.

    Returns:
        (B, U) int64.
    """
    squares = _nearest_squares(samples, images, unit_of, see)
    return np.stack([np.argsort(row, kind="stable") for row in squares])


def _nearest_squares(
    samples: np.ndarray, images: np.ndarray, unit_of: np.ndarray, see: See | None
) -> np.ndarray:
    """Return the squared distance of each sample from each unit's nearest image, (B, U) float64."""
    order, starts, _ = by_unit(unit_of)
    squares = np.empty((len(samples), len(images)))
    points = see(samples) if see else samples
    step = max(1, HELD // points[0].size)
    for start in range(0, len(images), step):
        block = to_signed(images[order[start : start + step]])
        block = see(block) if see else block.astype(np.float64)
        for row, sample in zip(squares, points, strict=True):
            difference = (block - sample).reshape(len(block), -1)
            row[start : start + step] = np.square(difference).sum(axis=1)
    return np.minimum.reduceat(squares, starts, axis=1)


def image_scores(
    samples: np.ndarray, images: np.ndarray, unit_of: np.ndarray, see: See | None = None
) -> np.ndarray:
    """Return the negative Euclidean distance of each sample from each unit's nearest image.

    Args:
        samples: (B, C, H, W), in [-1, 1].
        images: (N, H, W, C) uint8.
        unit_of: (N,) int64; every unit 0..U-1 has an image.
        see: maps images to the points that are compared; None compares pixels.

    Returns:
        (U, B) float64, at most 0.
    """
    return -np.sqrt(_nearest_squares(samples, images, unit_of, see)).T


def nearest_distances(
    points: np.ndarray, images: np.ndarray, starts: np.ndarray | None = None
) -> np.ndarray:
    """Return the Euclidean distance of points from the nearest image of each unit.

    Args:
        points: (M, F) float.
        images: (N, F) float, sorted by unit.
        starts: (k,), position of the first image of each unit; None for one unit.

    Returns:
        (M, k) float64.
    """
    from sklearn.metrics import euclidean_distances

    begin = np.zeros(1, np.int64) if starts is None else starts
    distances = euclidean_distances(points.astype(np.float64), images.astype(np.float64))
    return np.minimum.reduceat(distances, begin, axis=1)


def nearest_unit(points: np.ndarray, training: np.ndarray, unit_of: np.ndarray) -> np.ndarray:
    """Return the unit of the training image nearest to each point; the first of equal distances.

    Args:
        points: (A, F).
        training: (N, F).
        unit_of: (N,) int64.

    Returns:
        (A,) int64.
    """
    nearest, least = np.zeros(len(points), np.int64), np.full(len(points), np.inf)
    rows = max(1, HELD // training.shape[1])
    for first in range(0, len(training), rows):
        block = training[first : first + rows].astype(np.float64)
        square = np.square(block).sum(axis=1)
        step = max(1, HELD // len(block))
        for start in range(0, len(points), step):
            part = points[start : start + step].astype(np.float64)
            distances = square - 2 * part @ block.T
            best = np.argmin(distances, axis=1)
            value = distances[np.arange(len(part)), best]
            here = slice(start, start + step)
            nearest[here] = np.where(value < least[here], first + best, nearest[here])
            least[here] = np.minimum(value, least[here])
    return unit_of[nearest]


def nearest_scores(samples: np.ndarray, images: np.ndarray, unit_of: np.ndarray) -> np.ndarray:
    """Return the negative Euclidean distance of each sample from each unit's nearest image, in features.

    Args:
        samples: (B, F).
        images: (N, F).
        unit_of: (N,) int64; every unit 0..U-1 has an image.

    Returns:
        (U, B) float64, at most 0.
    """
    order, starts, _ = by_unit(unit_of)
    sorted_images = images[order].astype(np.float64)
    distance = [np.linalg.norm(sorted_images - sample, axis=1) for sample in samples]
    return -np.minimum.reduceat(np.stack(distance, axis=1), starts, axis=0)
