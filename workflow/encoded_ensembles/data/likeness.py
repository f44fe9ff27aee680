"""Likeness of samples and images: the distance of the nearest image of each unit."""

import numpy as np

HELD = 20_000_000  # distances in memory at once


def by_unit(unit_of: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return positions sorted by unit (N,), the start of each unit (U,), and its size (U,)."""
    sizes = np.bincount(unit_of)
    return np.argsort(unit_of, kind="stable"), np.cumsum(sizes) - sizes, sizes


def nearest_units(samples: np.ndarray, images: np.ndarray, unit_of: np.ndarray) -> np.ndarray:
    """Return units in ascending distance of their nearest image from each sample.

    Args:
        samples: (B, C, H, W).
        images: (N, C, H, W).
        unit_of: (N,) int64; every unit 0..U-1 has an image.

    Returns:
        (B, U) int64.
    """
    order, starts, _ = by_unit(unit_of)
    flat = images.reshape(len(images), -1)[order].astype(np.float64)
    return np.stack(
        [
            np.argsort(
                np.minimum.reduceat(np.square(flat - sample.ravel()).sum(axis=1), starts),
                kind="stable",
            )
            for sample in samples
        ]
    )


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
        points: (A, F) float.
        training: (N, F) float.
        unit_of: (N,) int64.

    Returns:
        (A,) int64.
    """
    training = training.astype(np.float64)
    square = np.square(training).sum(axis=1)
    step = max(1, HELD // len(training))
    units = np.empty(len(points), np.int64)
    for start in range(0, len(points), step):
        part = points[start : start + step].astype(np.float64)
        units[start : start + step] = unit_of[np.argmin(square - 2 * part @ training.T, axis=1)]
    return units


def nearest_scores(samples: np.ndarray, images: np.ndarray, unit_of: np.ndarray) -> np.ndarray:
    """Return the negative Euclidean distance of each sample from each unit's nearest image.

    Args:
        samples: (B, F), pixels or features.
        images: (N, F).
        unit_of: (N,) int64; every unit 0..U-1 has an image.

    Returns:
        (U, B) float64, at most 0.
    """
    order, starts, _ = by_unit(unit_of)
    sorted_images = images[order].astype(np.float64)
    distance = [np.linalg.norm(sorted_images - sample, axis=1) for sample in samples]
    return -np.minimum.reduceat(np.stack(distance, axis=1), starts, axis=0)
