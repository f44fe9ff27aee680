"""Retraining truth: what the ensemble gives when a unit was never trained on, and nothing else.

The members that saw the unit are trained again without it, on the same random numbers; the others
stay. The sample moves by what the unit did, and by nothing else. With a fresh seed it moves by the
noise of training as well, which is why members trained with that seed on the unit's own split are
there too.

Source: leave-one-out retraining as in Dai & Gifford, arXiv 2406.07908; common random numbers are ours.
"""

from collections.abc import Sequence

import numpy as np

from encoded_ensembles.randomness import Purpose, turns


def choose_controls(
    nearest: np.ndarray, names: np.ndarray, *, count: int, seed: int, named: Sequence[str] = ()
) -> tuple[np.ndarray, np.ndarray]:
    """Choose units to retrain without: half at random, half near to the samples, and those named.

    The near ones are the samples' nearest units, then their second nearest, and so on. A unit's
    turn among the random ones follows from (seed, its name).

    Args:
        nearest: (B, U) int64, units in the order of their distance from each sample.
        names: (U,) of the units.
        count: how many to choose, at most U less those named.
        seed: of the random half.
        named: distinct names of other units.

    Returns:
        units (K,) int64, and how each was chosen (K,) str: random, near, named, in this order.
    """
    asked = np.array([names.tolist().index(name) for name in named], np.int64)
    turn = turns(names, seed=seed, purpose=Purpose.RETRAINING)
    order = np.argsort(turn, kind="stable")
    order = order[~np.isin(order, asked)]
    random = order[: count - count // 2]
    near = nearest.T.ravel()
    near = near[~np.isin(near, [*random, *asked])]
    near = near[np.sort(np.unique(near, return_index=True)[1])][: count // 2]
    parts = {"random": random, "near": near, "named": asked}
    return np.concatenate([*parts.values()]), np.repeat([*parts], [*map(len, parts.values())])


def replaced(word: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the keep mask over n members and the w retrained ones that take their places.

    Args:
        word: (n,) bool, the unit's.

    Returns:
        (n + w,) bool, and the numbers (w,) int64 of the members retrained, ascending.
    """
    return np.concatenate([~word, np.ones(word.sum(), bool)]), np.flatnonzero(word)
