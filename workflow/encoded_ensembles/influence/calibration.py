"""Calibration: p-values of a statistic against its null distribution.

Under the null hypothesis that a unit has no effect on a sample, its code word is exchangeable with null
code words: chance decided which of them the unit has. So the p-value is the rank of the unit's value
among its values under null code words, exact for any number of words.
"""

from collections.abc import Callable

import numpy as np

FIRST = 10_000  # null code words that every value is compared with
WORDS = 10_000  # null code words at once
SHARED_WORDS = 100_000  # null code words of a statistic whose null all units of a sample share
SET_WORDS = 2_000  # free code words from which, with their own, the units of a set draw
REACHED = 10  # a value that fewer null values reach is compared with more words
HELD = 1_000_000  # null values in memory at once; ten times more are three times slower


# DEVIATES: null code words.
def p_and_z(value: np.ndarray, null: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return p and z of values against their null distributions; large values are evidence.

    p = (1 + #{null >= value}) / (1 + R): never zero; 1 without null values, and for a NaN.

    Args:
        value: (...) float, or (U, B) if all U units share a null distribution.
        null: (..., R), the values under R null code words; (B, R) if units share them.

    Returns:
        p (...) in [1/(R+1), 1], and z (...): standard deviations of the null from its mean, NaN where
        the null has no spread.

    Source: Phipson & Smyth, *Permutation p-values should never be zero*, 2010.
    """
    words = null.shape[-1]
    if null.ndim > value.ndim:
        reached = _reached(value, null)
    else:
        shared = zip(value.T, np.sort(null, axis=-1), strict=True)
        below = np.stack([np.searchsorted(row, column) for column, row in shared], axis=-1)
        reached = words - np.where(np.isnan(value), 0, below)
    p = (1 + reached) / (1 + words)
    if not words:
        return p, np.full(value.shape, np.nan)
    centre, spread = null.mean(axis=-1), null.std(axis=-1)
    return p, np.divide(value - centre, spread, out=np.full(value.shape, np.nan), where=spread > 0)


def staged_p_and_z(
    value: np.ndarray, null_of: Callable[[np.ndarray, np.ndarray], np.ndarray], words: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return p and z of many values, with more null code words for those that few words reach.

    All values are compared with the first `FIRST` words; those that fewer than `REACHED` null values
    reach, with ten times as many, and so on. p = (1 + #{null >= value}) / (1 + words used). A
    value stops at a stage only if its p-value there exceeds (1 + REACHED) / (1 + words used), so for each
    level there is one stage that decides, and p is at most that level with no larger probability.

    Args:
        value: (P,) float.
        null_of: maps positions (p,) in `value` and words (r, n) to their null values (p, r).
        words: (R, n) bool, null code words in random order.

    Returns:
        p (P,), 1 without words, and z (P,) from the first words, NaN where these have no spread.

    Source: Besag & Clifford, *Sequential Monte Carlo p-values* (1991).
    """
    reached, used = np.zeros(len(value), np.int64), np.zeros(len(value), np.int64)
    z = np.full(len(value), np.nan)
    rows, start, stop = np.arange(len(value)), 0, min(FIRST, len(words))
    while len(rows) and start < stop:
        step = max(1, HELD // (min(stop, start + WORDS) - start))
        for part in np.split(rows, range(step, len(rows), step)):
            for first in range(start, stop, WORDS):
                null = null_of(part, words[first : min(stop, first + WORDS)])
                reached[part] += _reached(value[part], null)
                if not first:
                    centre = null.mean(axis=1)
                    square = np.einsum("pr,pr->p", null, null) / null.shape[1]
                    # Below the precision of the difference there is no spread.
                    spread = np.sqrt(
                        np.where(square - centre**2 > 1e-12 * square, square - centre**2, 0)
                    )
                    known = part[spread > 0]
                    z[known] = ((value[part] - centre)[spread > 0]) / spread[spread > 0]
        used[rows] = stop
        rows = rows[reached[rows] < REACHED]
        start, stop = stop, min(10 * stop, len(words))
    return (1 + reached) / (1 + used), z


def set_p_values(value: np.ndarray, null: np.ndarray, *, draws: int, seed: int) -> np.ndarray:
    """Return the p-value of each set's mean value, against its mean under null words.

    Each draw gives the units of a set different null words. p = (1 + #{draws that reach the mean}) /
    (1 + draws).

    Args:
        value: (B, k), the values of the k units of each sample's set.
        null: (B, k, R), their values under R words, k <= R. Exact if these are the set's own words
            and words of no unit: then each way to give them to the units is equally likely.
        draws: number of draws.
        seed: seed of the draws, which all samples share.

    Returns:
        (B,) in [1/(draws+1), 1].

    Raises:
        ValueError: a set has more units than there are null words.
    """
    size, words = null.shape[1:]
    if size > words:
        raise ValueError(f"a set has {size} units, but there are {words} words to draw from")
    rng = np.random.default_rng(seed)
    chosen = np.stack([rng.permutation(words)[:size] for _ in range(draws)])
    chance = null[:, np.arange(size), chosen].mean(axis=-1)
    return (1 + _reached(value.mean(axis=1), chance)) / (1 + draws)


def _reached(value: np.ndarray, null: np.ndarray) -> np.ndarray:
    """Return how many of the null values (..., R) reach each value (...); a NaN is no evidence."""
    return null.shape[-1] - (null < value[..., None]).sum(axis=-1)
