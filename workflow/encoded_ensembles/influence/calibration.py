"""Calibration: p-values of a statistic against its null distribution.

Under the null hypothesis that a unit has no effect on a sample, its code word is exchangeable with null
code words: chance decided which of them the unit has. So the p-value is the rank of the unit's value
among its values under null code words, exact for any number of words.
"""

import numpy as np


# DEVIATES: null code words.
def p_and_z(value: np.ndarray, null: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return p and z of values against their null distributions; large values are evidence.

    p = (1 + #{null >= value}) / (1 + R): never zero; 1 without null values.

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
        reached = (null >= value[..., None]).sum(axis=-1)
    else:
        shared = zip(value.T, np.sort(null, axis=-1), strict=True)
        reached = words - np.stack(
            [np.searchsorted(row, column) for column, row in shared], axis=-1
        )
    p = (1 + reached) / (1 + words)
    if not words:
        return p, np.full(value.shape, np.nan)
    centre, spread = null.mean(axis=-1), null.std(axis=-1)
    return p, np.divide(value - centre, spread, out=np.full(value.shape, np.nan), where=spread > 0)


def set_p_values(value: np.ndarray, null: np.ndarray, *, draws: int, seed: int) -> np.ndarray:
    """Return the p-value of each set's mean value, against its mean under null words.

    Each draw gives the units of a set different null words. p = (1 + #{draws that reach the mean}) /
    (1 + draws).

    Args:
        value: (B, k), the values of the k units of each sample's set.
        null: (B, k, R), their values under R null code words, k <= R.
        draws: number of draws.
        seed: seed of the draws, which all samples share.

    Returns:
        (B,) in [1/(draws+1), 1].

    Raises:
        ValueError: a set has more units than there are null words.
    """
    size, words = null.shape[1:]
    if size > words:
        raise ValueError(f"a set has {size} units, but there are {words} null words")
    rng = np.random.default_rng(seed)
    chosen = np.stack([rng.permutation(words)[:size] for _ in range(draws)])
    chance = null[:, np.arange(size), chosen].mean(axis=-1)
    return (1 + (chance >= value.mean(axis=1)[:, None]).sum(axis=1)) / (1 + draws)
