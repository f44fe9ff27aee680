"""Directional: does dropping a unit's members move the sample away from the unit's own images?

A unit has an effect if counterfactuals that drop more of its members lie farther from its images. So
each unit's images are compared with counterfactuals of many masks, not only with its own: a line
fitted to distance against the number of its members dropped predicts how much farther the sample
lies when all w are dropped.
"""

from typing import Any, Protocol

import numpy as np

from encoded_ensembles.data.images import to_rows
from encoded_ensembles.data.likeness import nearest_distances
from encoded_ensembles.influence.calibration import p_and_z

HELD = 10_000_000  # distances, or weights of masks, in memory at once: 80 MB
VALUES = 2**25  # of images that are compared at once: 128 MB, and twice that in double precision


class Samples(Protocol):
    """Samples of several masks (V, B, ...): an array, or a `PartedTensor` of a file."""

    @property
    def shape(self) -> tuple[Any, ...]:
        """(V, B, ...)."""

    def __len__(self) -> int:
        """Return V."""

    def __getitem__(self, at: tuple[slice, int], /) -> np.ndarray:
        """Return one sample under every mask, (V, ...)."""


def excess_weights(dropped: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Return weights that turn distances under masks into the excess predicted when a word is dropped.

    With h the number of the word's members that a mask drops, the excess is the least-squares slope
    of distance on h, times (w minus the mean of h). It is linear in the distances.

    Args:
        dropped: (V, n) bool, the members that each mask drops.
        words: (A, n) bool.

    Returns:
        (V, A) float64; zero for a word of which all masks drop the same number of members.
    """
    h = dropped.astype(np.float64) @ words.T.astype(np.float64)
    mean = h.mean(axis=0)
    spread = np.square(h - mean).sum(axis=0)
    rest = words.sum(axis=1) - mean
    return (h - mean) * np.divide(rest, spread, out=np.zeros(len(words)), where=spread > 0)


def excess(distance: np.ndarray, dropped: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Return the excess distance predicted when each word is dropped.

    Args:
        distance: D (B, V), of each mask's counterfactual from the unit's images.
        dropped: (V, n) bool, the members that each mask drops.
        words: (A, n) bool.

    Returns:
        (B, A) float64.
    """
    parts = np.array_split(words, -(-len(words) * len(dropped) // HELD))
    return np.concatenate([distance @ excess_weights(dropped, part) for part in parts], axis=1)


def _nearest(
    null: Samples, held: np.ndarray, images: np.ndarray, rows: np.ndarray, starts: np.ndarray
) -> np.ndarray:
    """Return the distance of counterfactuals from the nearest image of each of some units.

    Args:
        null: (R, B, ...) float, or read by sample.
        held: (k, B, ...) float; V is R + k.
        images: (N, H, W, C) uint8.
        rows: (M,) int64, positions of the units' images, sorted by unit.
        starts: (u,), position in `rows` of the first image of each unit.

    Returns:
        (B, V, u) float64.
    """
    nearest = np.full((held.shape[1], len(null) + len(held), len(starts)), np.inf)
    step = max(1, VALUES // images[0].size)
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        near, stop = to_rows(images[part]), start + len(part)
        first = (
            np.searchsorted(starts, start, side="right") - 1
        )  # its images may go on from the last part
        here = slice(first, np.searchsorted(starts, stop))
        begin = np.maximum(starts[here] - start, 0)
        for sample, found in enumerate(nearest):
            points = np.concatenate([null[:, sample], held[:, sample]]).reshape(len(found), -1)
            found[:, here] = np.minimum(found[:, here], nearest_distances(points, near, begin))
    return nearest


# DEVIATES: Directional.
def directional(
    null: Samples,
    held: np.ndarray,
    *,
    unit_held: np.ndarray,
    own: np.ndarray,
    images: np.ndarray,
    unit_of: np.ndarray,
    code: np.ndarray,
    null_words: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the directional statistic of each unit, with p and z against the null code words.

    The masks of a unit are those of all null words, those of the units held, and always its own. For
    its null distribution each null word replaces its own word in h. If the unit has no effect, chance
    alone decided which of these words is its own; and exchanging it with a null word changes neither
    the set of masks nor the unit's images: both words' masks are in the set in either case, and which
    other units' masks are depends only on their numbers. So the permutation p-value,
    (1 + #{null >= value}) / (1 + R), is exact for any R and any number of units held.

    Args:
        null: (R, B, ...) float, counterfactuals of the null words, or read by sample.
        held: (k, B, ...) float, those of the units held.
        unit_held: (k,) int64, the units held.
        own: (U, B), distance of each unit's counterfactual from the nearest of its images.
        images: (N, H, W, C) uint8.
        unit_of: (N,) int64, every unit 0..U-1 with an image.
        code: (U, n) bool.
        null_words: (R, n) bool.

    Returns:
        value, p and z, each (U, B); z is NaN where the null has no spread.
    """
    of_mask = np.concatenate([np.full(len(null_words), -1), unit_held])
    dropped = np.concatenate([null_words, code[unit_held]])
    sizes = np.bincount(unit_of)
    order, starts = np.argsort(unit_of, kind="stable"), np.cumsum(sizes) - sizes
    value, p, z = np.empty((3, *own.shape))
    step = max(1, HELD // (len(of_mask) * max(held.shape[1], sizes.max())))
    for first in range(0, len(code), step):
        units = np.arange(first, min(first + step, len(code)))
        begin = starts[units] - starts[first]
        rows = order[starts[first] : starts[units[-1]] + sizes[units[-1]]]
        distance = _nearest(null, held, images, rows, begin)
        for position, unit in enumerate(units):
            others = of_mask != unit
            excesses = excess(
                np.column_stack([distance[:, others, position], own[unit]]),
                np.concatenate([dropped[others], code[unit, None]]),
                np.concatenate([code[unit, None], null_words]),
            )
            value[unit] = excesses[:, 0]
            p[unit], z[unit] = p_and_z(excesses[:, 0], excesses[:, 1:])
    return value, p, z
