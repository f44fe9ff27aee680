"""Naming: which units, or which smallest group of units, shaped a sample, each with its error rate.

Three statistics of a unit are tested against null code words: its contrast, its joint score (`joint`), and
the undirected change between members that saw it and the others. A unit is attributed by the joint
score, with weights from likeness (`multiplicity`). Where no unit is, the units most alike are tested
together: the 30 most alike, then the 10, 5, 3, 2 and 1 most alike, each only if the test before it rejects.
Such a fixed sequence needs no correction: the probability that any of its rejections is false is at
most the level (Maurer, Hothorn & Lehmacher 1995).
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from encoded_ensembles.influence.ablation import ranks
from encoded_ensembles.influence.calibration import (
    SET_WORDS,
    SHARED_WORDS,
    p_and_z,
    set_p_values,
    staged_p_and_z,
)
from encoded_ensembles.influence.contrast import own_contrasts, weights
from encoded_ensembles.influence.joint import Evidence, scores, word_products
from encoded_ensembles.influence.multiplicity import learnt_weights, weighted_q, weights_of
from encoded_ensembles.influence.observer import Observed

STATISTICS = ("joint", "contrast", "undirected")  # the first attributes
DRAWS = 999  # draws of words for each set


class Test(NamedTuple):
    """One statistic of all pairs, each (U, B): its value, p and z."""

    value: np.ndarray
    p: np.ndarray
    z: np.ndarray


def test_units(observed: Observed, code: np.ndarray, words: np.ndarray) -> dict[str, Test]:
    """Test each unit on each sample, by statistic.

    Args:
        observed: what members do, B samples and U units.
        code: (U, n) bool.
        words: (R, n) bool, null code words in random order.

    Returns:
        for each of `STATISTICS`; the joint score is NaN for units that are no candidates, and its p
        is that of the contrast.
    """
    contrast = test_contrasts(observed.pulls, code, words)
    joint = _test_joint(observed, code, words, contrast)
    return {
        "joint": joint,
        "contrast": contrast,
        "undirected": test_changes(observed.change, code, words),
    }


def test_contrasts(pull: np.ndarray, code: np.ndarray, words: np.ndarray) -> Test:
    """Test each unit's contrast from pulls (B, U, n), code (U, n) and null code words (R, n)."""
    samples, units, members = pull.shape
    flat = pull.reshape(-1, members)
    value = own_contrasts(pull, code)

    def null_of(rows: np.ndarray, null: np.ndarray) -> np.ndarray:
        return flat[rows] @ weights(null).T

    p, z = staged_p_and_z(value.T.ravel(), null_of, words)
    return Test(value, *(each.reshape(samples, units).T for each in (p, z)))


def test_changes(change: np.ndarray, code: np.ndarray, words: np.ndarray) -> Test:
    """Test each unit's undirected change from products (B, n, n), code (U, n) and null code words (R, n)."""
    own = changes(change, code)
    null = changes(change, words[:SHARED_WORDS]).T
    # A word and its complement give the same change: a tie, which rounding must not decide.
    return Test(own, *p_and_z(own * (1 - 1e-9), null))


def changes(change: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Return how far the members in each word differ from the others, in any direction.

    Args:
        change: (B, n, n), products of residuals.
        words: (A, n) bool.

    Returns:
        (A, B): squared length of the difference of their mean residuals.
    """
    contrast = weights(words)
    return np.stack([((contrast @ product) * contrast).sum(axis=1) for product in change], axis=1)


def _test_joint(observed: Observed, code: np.ndarray, words: np.ndarray, contrast: Test) -> Test:
    """Test the joint scores of candidates."""
    samples, near = observed.joint.pull.shape[:2]
    candidates = observed.order[:, :near]
    flat = Evidence(*(part.reshape(samples * near, *part.shape[2:]) for part in observed.joint))
    own = scores(flat, code[candidates].reshape(samples * near, 1, -1))[:, 0]

    def null_of(rows: np.ndarray, null: np.ndarray) -> np.ndarray:
        return scores(Evidence(flat.pull[rows], flat.precision[rows]), null)

    p, z = staged_p_and_z(own, null_of, words)
    value = np.full(contrast.value.shape, np.nan)
    all_p, all_z = contrast.p.copy(), contrast.z.copy()
    for full, part in ((value, own), (all_p, p), (all_z, z)):
        np.put_along_axis(full, candidates.T, part.reshape(samples, near).T, axis=0)
    return Test(value, all_p, all_z)


def test_sets(observed: Observed, code: np.ndarray, words: np.ndarray) -> pd.DataFrame:
    """Test the k most alike units of each sample together, by their mean joint score.

    The words of a set are drawn from its units' own and the free ones: given the words of all other
    units, every way to give them to the set's units is equally likely.

    Args:
        observed: what members do.
        code: (U, n) bool.
        words: (R, n) bool, null code words in random order.

    Returns:
        columns sample, units, score (the mean), p_value; and p_null, of the same units under null code
        words in place of their own, other ones in each sample as far as they suffice.
    """
    parts = []
    for size, evidence in observed.sets.items():
        if 2 * size > len(words):
            continue
        own, free = code[observed.order[:, :size]], words[: max(SET_WORDS, 2 * size)]
        tables = [
            (scores(Evidence(*unit), own_words), scores(Evidence(*unit), free))
            for unit, own_words in zip(zip(*evidence, strict=True), own, strict=True)
        ]
        of_own, of_free = (np.stack(each) for each in zip(*tables, strict=True))
        samples, places = np.arange(len(own))[:, None], np.arange(size)
        part = {"sample": np.arange(len(own)), "units": size}
        for name, table, given in (
            ("p_value", np.concatenate([of_own, of_free], axis=2), places),
            ("p_null", of_free, (samples * size + places) % len(free)),
        ):
            value = table[samples, places, given]
            part.setdefault("score", value.mean(axis=1))
            part[name] = set_p_values(value, table, draws=DRAWS, seed=0)
        parts.append(pd.DataFrame(part))
    columns = ["sample", "units", "score", "p_value", "p_null"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def test_over_samples(observed: Observed, code: np.ndarray, words: np.ndarray) -> Test:
    """Test each unit on all samples together: its mean joint score, weighted by 1 / rank of likeness.

    The p-values of a unit's samples cannot be combined, since they share the unit's code word.

    Returns:
        each (U,); NaN and p = 1 for units that are candidates of no sample.
    """
    near = observed.joint.pull.shape[1]
    candidates = observed.order[:, :near]
    units = np.flatnonzero(np.bincount(candidates.ravel(), minlength=len(code)))
    places = [np.nonzero(candidates == unit) for unit in units]

    def mean_scores(row: int, given: np.ndarray, products: np.ndarray | None = None) -> np.ndarray:
        weight = 1 / (1 + places[row][1])
        parts = Evidence(*(part[places[row]] for part in observed.joint))
        return (weight @ scores(parts, given, products)) / weight.sum()

    def null_of(rows: np.ndarray, null: np.ndarray) -> np.ndarray:
        products = word_products(null)
        return np.stack([mean_scores(row, null, products) for row in rows])

    own = np.array([mean_scores(row, code[unit][None])[0] for row, unit in enumerate(units)])
    tested = Test(np.full(len(code), np.nan), np.ones(len(code)), np.full(len(code), np.nan))
    for full, part in zip(tested, (own, *staged_p_and_z(own, null_of, words)), strict=True):
        full[units] = part
    return tested


def pair_columns(
    tests: dict[str, Test], order: np.ndarray, *, level: float, learnt: bool = False
) -> dict[str, np.ndarray]:
    """Return the columns of all statistics, each (U, B).

    For each statistic its value, z, p, q (weighted by likeness), q_plain (Benjamini and Hochberg) and
    rank (by z; by value for the joint score); and weight (of the first statistic), and attributed: its q
    is at most `level`.

    Args:
        tests: from `test_units`.
        order: (B, U) int64, most alike first.
        level: largest q of an attributed unit.
        learnt: learn the weights (`learnt_weights`) instead of 1 / rank of likeness.
    """
    weight = weights_of(order)
    columns: dict[str, np.ndarray] = {}
    for name, (value, p, z) in tests.items():
        if learnt:
            weight = learnt_weights(p, order)
        columns.setdefault("weight", weight)
        columns |= {
            name: value,
            f"{name}_z": z,
            f"{name}_p": p,
            f"{name}_q": weighted_q(p, weight),
            f"{name}_q_plain": weighted_q(p, np.ones_like(p)),
            f"{name}_rank": ranks(_strength(name, value, z)),
        }
    columns["attributed"] = columns[f"{next(iter(tests))}_q"] <= level
    return columns


def _strength(name: str, value: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return what units are ranked by, (U, B).

    The spread of the joint score under null code words grows with the unit's own effect, so its z
    ranks strong units too low; its value is standardised by the model already.
    """
    if name == "joint":
        return np.where(np.isnan(value), -np.inf, value)
    return np.where(np.isnan(z), np.nan_to_num(value), z)


def answers(
    attributed: np.ndarray, q: np.ndarray, sets: pd.DataFrame, *, level: float
) -> pd.DataFrame:
    """Return the smallest answer for each sample: units, one of the k most alike units, or nothing.

    Args:
        attributed: (U, B) bool.
        q: (U, B), of the attributing statistic.
        sets: from `test_sets`.
        level: largest error rate of an answer.

    Returns:
        columns sample, answer ("units", "group" or "nothing"), units (how many are attributed; size of
        the group; 0), rate (the largest q of the attributed units; the largest p from the 30 most alike
        down to the group; the smallest q if there is nothing).
    """
    p_values = sets.set_index(["sample", "units"])["p_value"]
    rows = []
    for sample in range(attributed.shape[1]):
        named = attributed[:, sample]
        if named.any():
            rows.append((sample, "units", int(named.sum()), float(q[named, sample].max())))
            continue
        chain = p_values.loc[sample].sort_index(ascending=False) if len(p_values) else p_values
        reached = chain.cummax()
        rejected = reached[reached <= level]
        if len(rejected):
            rows.append((sample, "group", int(rejected.index[-1]), float(rejected.iloc[-1])))
        else:
            rows.append((sample, "nothing", 0, float(q[:, sample].min())))
    return pd.DataFrame(rows, columns=["sample", "answer", "units", "rate"])


def columns_and_answers(
    tests: dict[str, Test],
    order: np.ndarray,
    names: np.ndarray,
    sets: pd.DataFrame,
    *,
    level: float,
    learnt: bool = False,
) -> tuple[dict[str, np.ndarray], pd.DataFrame]:
    """Return `pair_columns`, and `answers` with the column names (`answer_names`).

    Args:
        tests: by statistic; the first attributes.
        order: (B, U) int64, most alike first.
        names: (U,) names of the units.
        sets: from `test_sets`.
        level: largest error rate.
        learnt: whether weights are learnt.
    """
    columns = pair_columns(tests, order, level=level, learnt=learnt)
    attributed = columns["attributed"]
    said = answers(attributed, columns[f"{next(iter(tests))}_q"], sets, level=level)
    said["names"] = answer_names(said, attributed, order, names)
    return columns, said


def answer_names(
    answered: pd.DataFrame, attributed: np.ndarray, order: np.ndarray, names: np.ndarray
) -> list[str]:
    """Return the names of the units of each answer, most alike first, separated by semicolons.

    Args:
        answered: from `answers`.
        attributed: (U, B) bool.
        order: (B, U) int64.
        names: (U,) names of the units.
    """
    lists = []
    columns = (answered[name] for name in ("sample", "answer", "units"))
    for sample, answer, units in zip(*columns, strict=True):
        near = order[sample]
        chosen = near[:units] if answer == "group" else near[attributed[near, sample]]
        lists.append("; ".join(map(str, names[chosen])))
    return lists
