"""Calibration: what a statistic is worth against its null distribution.

Under the null hypothesis that a unit did nothing to a sample, its code word is like any word that no
unit has: chance settled which of them is its own. So the p-value is the rank of the unit's value
among the values that those words would have given it, exact for any number of words.
"""

import numpy as np


# DEVIATES: null code words.
def p_and_z(value: np.ndarray, null: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Test values against their null distributions, large values being evidence.

    p = (1 + #{null >= value}) / (1 + R): never zero; 1 without null values.

    Args:
        value: (...) float, or (U, B) where all U units share a null distribution.
        null: (..., R), the values under R null code words; (B, R) where units share them.

    Returns:
        p (...) in [1/(R+1), 1], and z (...): standard deviations of the null from its mean, NaN where
        it has none.

    Source: Phipson & Smyth, *Permutation p-values should never be zero*, 2010.
    """
    words = null.shape[-1]
    if null.ndim > value.ndim:
        reached = (null >= value[..., None]).sum(axis=-1)
    else:
        shared = zip(value.T, np.sort(null, axis=-1), strict=True)
        reached = words - np.stack([np.searchsorted(row, own) for own, row in shared], axis=-1)
    p = (1 + reached) / (1 + words)
    if not words:
        return p, np.full(value.shape, np.nan)
    centre, spread = null.mean(axis=-1), null.std(axis=-1)
    return p, np.divide(value - centre, spread, out=np.full(value.shape, np.nan), where=spread > 0)


def set_p_values(value: np.ndarray, null: np.ndarray, *, draws: int, seed: int) -> np.ndarray:
    """Test the units of a set together: their mean value, against that with null words instead.

    Each draw gives the units of a set different null words. p = (1 + #{draws that reach it}) /
    (1 + draws).

    Args:
        value: (B, k), the values of the k units of each sample's set.
        null: (B, k, R), what R null code words give them instead, k <= R.
        draws: number of draws.
        seed: of them; the same for all samples.

    Returns:
        (B,) in [1/(draws+1), 1].

    Raises:
        ValueError: there are fewer null words than units in a set.
    """
    size, words = null.shape[1:]
    if size > words:
        raise ValueError(f"a set has {size} units, but there are {words} null words")
    rng = np.random.default_rng(seed)
    given = np.stack([rng.permutation(words)[:size] for _ in range(draws)])
    chance = null[:, np.arange(size), given].mean(axis=-1)
    return (1 + (chance >= value.mean(axis=1)[:, None]).sum(axis=1)) / (1 + draws)
