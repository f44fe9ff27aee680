"""Retraining truth: samples of an ensemble that never trained on a unit, with all else unchanged.

The members that saw the unit are trained again without it, on the same random numbers; the others
stay. So the sample moves only by the effect of the unit. With a fresh seed it also moves by the
noise of training; members trained with that seed on the split with the unit measure this part.

Source: leave-one-out retraining as in Dai & Gifford, arXiv 2406.07908; common random numbers are ours.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from encoded_ensembles.randomness import Purpose, name_key, turns


def choose_controls(
    nearest: np.ndarray,
    names: np.ndarray,
    *,
    count: int,
    seed: int,
    named: Sequence[str] = (),
    earlier: Mapping[str, np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Choose units to retrain without: half at random, half nearest to samples, and those named.

    The near ones are the samples' nearest units, then their second nearest, and so on. A unit's
    position among the random ones depends only on (seed, its name).

    Args:
        nearest: (B, U) int64, units in the order of their distance from each sample.
        names: (U,) names of the units.
        count: number to choose, at most U minus the number of those named.
        seed: seed of the random half.
        named: distinct names of other units.
        earlier: keys (`randomness.name_key`) of the names chosen before, `random` and `near`; units that
            still exist keep their places.

    Returns:
        units (K,) int64, and how each was chosen (K,) str: random, near, named, in this order.
    """
    unit_of = {name: unit for unit, name in enumerate(names.tolist())}
    keyed = {name_key(name): unit for name, unit in unit_of.items()}
    before = {
        kind: [keyed.get(key) for key in (earlier or {}).get(kind, np.array([])).tolist()]
        for kind in ("random", "near")
    }
    named_units = [unit_of[name] for name in named]
    turn = turns(names, seed=seed, purpose=Purpose.RETRAINING)
    order = np.argsort(turn, kind="stable").tolist()
    near_count = count // 2
    stay = [unit for unit in before["near"][:near_count] if unit is not None]
    random = _fill(before["random"], order, count - near_count, excluded={*named_units, *stay})
    near = _fill(
        before["near"], nearest.T.ravel().tolist(), near_count, excluded={*named_units, *random}
    )
    parts = {"random": random, "near": near, "named": named_units}
    units = np.array([unit for part in parts.values() for unit in part], np.int64)
    return units, np.repeat([*parts], [*map(len, parts.values())])


def _fill(
    earlier: Sequence[int | None], candidates: Sequence[int], count: int, *, excluded: set[int]
) -> list[int]:
    """Return `count` distinct units: earlier ones keep their places, candidates fill the others."""
    stay = [unit if unit not in excluded else None for unit in earlier[:count]]
    fresh = (unit for unit in dict.fromkeys(candidates) if unit not in {*excluded, *stay})
    places = [*stay, *[None] * (count - len(stay))]
    return [next(fresh) if unit is None else unit for unit in places]


def replaced(word: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the keep mask over the n members and the w retrained ones that replace some of them.

    Args:
        word: (n,) bool, code word of the unit.

    Returns:
        (n + w,) bool, and the numbers (w,) int64 of the members retrained, ascending.
    """
    return np.concatenate([~word, np.ones(word.sum(), bool)]), np.flatnonzero(word)
