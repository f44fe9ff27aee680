"""Studies: the evidence for nearest units by noise level, statistic and number of members."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from encoded_ensembles.influence.calibration import p_and_z, set_p_values
from encoded_ensembles.influence.contrast import null_contrasts
from encoded_ensembles.randomness import Purpose, generator

DRAWS = 999  # draws of null words for each set
FAKES = 8  # largest number of sets of null words that replace the units' code words
ALPHA = 0.05


class Signal(NamedTuple):
    """Evidence for the units nearest to each sample, together."""

    contrast: float  # mean over samples
    error: float  # its standard error over samples
    z: float  # mean z of the single units
    found: float  # share of samples for which the set has p <= 0.05
    false: float  # the same with null code words in place of the units' code words


def near_signal(
    pull: np.ndarray, code: np.ndarray, words: np.ndarray, near: np.ndarray, *, seed: int
) -> Signal | None:
    """Return the evidence for the k units nearest to each sample, together.

    Args:
        pull: (B, U, n).
        code: (U, n) bool.
        words: (R, n) bool, null code words.
        near: (B, k) int64, units.
        seed: seed of the draws of words.

    Returns:
        None if there are too few words: `false` uses k of them in place of the units' code words.
    """
    count, size = near.shape
    if 2 * size > len(words):
        return None
    pulled = np.take_along_axis(pull, near[..., None], axis=1)
    null = null_contrasts(pulled, words).transpose(1, 0, 2)
    own = np.stack([null_contrasts(pull_of_sample[None], code[units])[:, 0]
                    for pull_of_sample, units in zip(pulled, near, strict=True)])  # fmt: skip
    contrasts = own[:, np.arange(size), np.arange(size)]
    together = contrasts.mean(axis=1)
    return Signal(
        float(together.mean()),
        float(together.std(ddof=1) / np.sqrt(count)) if count > 1 else float("nan"),
        float(p_and_z(contrasts, null)[1].mean()),
        _share(
            set_p_values(contrasts, np.concatenate([own, null], axis=2), draws=DRAWS, seed=seed)
        ),
        float(
            np.mean([_fake_share(null, group, seed=seed) for group in _groups(len(words), size)])
        ),
    )


def _groups(words: int, size: int) -> np.ndarray:
    """Return disjoint groups of null words that replace code words of units: (groups, size)."""
    return np.arange(min(FAKES, words // (2 * size)) * size).reshape(-1, size)


def _fake_share(null: np.ndarray, group: np.ndarray, *, seed: int) -> float:
    """Return the share of samples with p <= 0.05 under one group of null words; null is (B, k, R)."""
    contrasts = null[:, np.arange(len(group)), group]
    return _share(set_p_values(contrasts, null, draws=DRAWS, seed=seed))


def _share(p: np.ndarray) -> float:
    """Return the share of p-values at or below 0.05."""
    return float((p <= ALPHA).mean())


def member_subsets(members: int, *, size: int, count: int, seed: int) -> np.ndarray:
    """Draw sets of members.

    Args:
        members: n.
        size: number of members in each, 1..n.
        count: number of sets; a single one if size is n.
        seed: seed of the draws.

    Returns:
        (count, size) int64, each row ascending.
    """
    rng = generator(seed=seed, purpose=Purpose.GRADING, key=8, counter=size)
    if size == members:
        return np.arange(members)[None]
    return np.stack([np.sort(rng.permutation(members)[:size]) for _ in range(count)])


def with_members(
    pull: np.ndarray, code: np.ndarray, words: np.ndarray, chosen: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return pulls, code and null words of an ensemble of some of the members.

    Pulls are measured from the mean of these members. A unit or word of all of them, or of none,
    has no contrast.

    Args:
        pull: (B, U, n).
        code: (U, n) bool.
        words: (R, n) bool.
        chosen: (m,) int64.

    Returns:
        pull (B, U, m), code (U, m), words (R', m) that have a contrast, and (U,) bool, which units
        have one.
    """
    part = pull[..., chosen]
    part = part - part.mean(axis=-1, keepdims=True)
    words_of_units, null = code[:, chosen], words[:, chosen]
    known, usable = (
        np.logical_and(rows.any(axis=1), ~rows.all(axis=1)) for rows in (words_of_units, null)
    )
    return part, words_of_units, null[usable], known


def first_known(order: np.ndarray, known: np.ndarray, *, size: int) -> np.ndarray:
    """Return the first units of each order that are known.

    Args:
        order: (B, U) int64.
        known: (U,) bool, at least `size` of them.
        size: k.

    Returns:
        (B, k) int64.
    """
    return np.stack([row[known[row]][:size] for row in order])


def slope(first: np.ndarray, second: np.ndarray) -> float:
    """Return the least-squares slope of `second` on `first` through the origin."""
    return float((first * second).sum() / np.square(first).sum())


def seed_share(moved: np.ndarray, seed: np.ndarray) -> float:
    """Return the mean distance under the fresh seed alone, divided by that of another way.

    Both means are over the same pairs of a sample and a unit: those that have a fresh seed.

    Args:
        moved: (P,), distances of that way.
        seed: (P,), distances under the fresh seed alone, NaN if a pair has none.

    Returns:
        the ratio; NaN if no pair has a fresh seed.
    """
    both = np.isfinite(seed)
    return float(seed[both].mean() / moved[both].mean()) if both.any() else float("nan")


SIZES = (1, 3, 10, 30)  # sizes of the sets of nearest units
SEED = 0


def signals(
    pull: np.ndarray, code: np.ndarray, words: np.ndarray, order: np.ndarray
) -> list[dict[str, object]]:
    """Return the evidence for the nearest units, one row for each size of the set."""
    signal_of = {
        size: near_signal(pull, code, words, order[:, :size], seed=SEED)
        for size in SIZES
        if size <= order.shape[1]
    }
    return [dict(units=size, **signal._asdict()) for size, signal in signal_of.items() if signal]


def by_statistic(table: pd.DataFrame, order: np.ndarray) -> pd.DataFrame:
    """Return each statistic's evidence for the nearest units, and for all units."""
    shape = order.shape
    rows = []
    for name in [each.removesuffix("_z") for each in table.columns if each.endswith("_z")]:
        z, p = (table[f"{name}{end}"].to_numpy().reshape(shape) for end in ("_z", "_p"))
        for size in (each for each in SIZES if each <= shape[1]):
            near = order[:, :size]
            rows.append(
                {
                    "statistic": name,
                    "units": size,
                    "z": np.take_along_axis(z, near, axis=1).mean(),
                    "found": (np.take_along_axis(p, near, axis=1) <= 0.05).mean(),
                    "all": (p <= 0.05).mean(),
                }
            )
    return pd.DataFrame(rows)
