"""The scoreboard: every attribution method against every kind of truth."""

from collections.abc import Callable
from functools import partial
from itertools import combinations
from typing import NamedTuple

import numpy as np

from encoded_ensembles.grading import agreement as truth
from encoded_ensembles.grading.gains import interval
from encoded_ensembles.grading.rivals import worse_by_construction

DRAWS = 1000  # draws of each bootstrap
TOP = 10  # first units among which planted ones are counted


class Grade(NamedTuple):
    """Grade of a method by one kind of truth."""

    method: str
    grade: str
    value: float
    low: float  # 95 %
    high: float


Draws = dict[str, dict[str, np.ndarray]]  # by grade, by method: (S,) bootstrap draws
Methods = dict[str, np.ndarray]  # by method: scores (U, B)
Damped = dict[str, np.ndarray]  # by method: scores (U, B), or (D, U, B) of D settings


def by_retraining(
    methods: Damped,
    units: np.ndarray,
    chosen: np.ndarray,
    moved: np.ndarray,
    nearest: np.ndarray,
) -> tuple[list[Grade], Draws]:
    """Grade by how far samples move when units are left out of training.

    Args:
        methods: scores; of several settings `cross_fitted` chooses by the grade itself.
        units: (K,) int64, units left out.
        chosen: (K,) str, how each was chosen: random, near or named.
        moved: (K, B), distances.
        nearest: (B,) int64, the unit most alike to each sample.

    Returns:
        grades within_samples, within_near and within_random (across units within a sample),
        within_units (across samples within a unit), auc, and near_first (how far the first unit moves
        samples whose most alike unit was left out); and the bootstrap over units and samples, of near_first over
        those samples whose most alike unit was drawn.
    """
    units_all, samples_all = np.ones(len(units), bool), np.ones(len(nearest), bool)
    kinds = {
        "within_samples": (truth.within_samples, units_all, samples_all),
        "within_units": (truth.within_units, units_all, samples_all),
        "auc": (truth.top_auc, units_all, samples_all),
        "within_near": (truth.within_samples, chosen == "near", samples_all),
        "within_random": (truth.within_samples, chosen == "random", samples_all),
        "near_first": (truth.first_share, units_all, np.isin(nearest, units)),
    }
    grades: list[Grade] = []
    draws: Draws = {}
    for kind, (statistic, rows, columns) in kinds.items():
        if min(rows.sum(), columns.sum()) > 2:
            found = moved[rows][:, columns]
            own = None
            if kind == "near_first":
                own = np.argmax(units[:, None] == nearest[columns], axis=0)
            statistics: dict[str, Taken] = {
                name: partial(
                    _taken,
                    statistic,
                    cross_fitted(scores[..., units[rows], :][..., columns], statistic, found),
                    found,
                    own=own,
                )
                for name, scores in methods.items()
            }
            new_grades, draws[kind] = _graded(kind, statistics, found.shape)
            grades += new_grades
    return grades, draws


def by_models(
    methods: Damped, held: np.ndarray, measured: dict[str, np.ndarray]
) -> tuple[list[Grade], Draws]:
    """Grade by held-out models: the linear datamodeling score (LDS).

    Args:
        methods: scores; of several settings `cross_fitted` chooses by the grade itself.
        held: (M, U) bool, the units that each model saw.
        measured: by grade, (M, B), larger if a model is better on a sample.

    Returns:
        grades, and the bootstrap over models and samples.
    """
    grades: list[Grade] = []
    draws: Draws = {}
    for kind, outputs in measured.items():
        statistics = {
            name: partial(
                _taken,
                truth.within_samples,
                cross_fitted(held.astype(np.float64) @ scores, truth.within_samples, outputs),
                outputs,
            )
            for name, scores in methods.items()
        }
        new_grades, draws[kind] = _graded(kind, statistics, outputs.shape)  # type: ignore[arg-type]
        grades += new_grades
    return grades, draws


def cross_fitted(
    scores: np.ndarray,
    statistic: Callable[[np.ndarray, np.ndarray], float],
    found: np.ndarray,
) -> np.ndarray:
    """Return scores whose setting was chosen by a statistic, for each half of the samples on the other half.

    Args:
        scores: (D, K, B) of D settings; (K, B) is returned unchanged.
        statistic: function of scores (K, b) and truth (K, b); larger is better.
        found: truth, (K, B).

    Returns:
        (K, B); each half, every other sample, in units of its own spread. The first setting where the
        other half has no sample, or no value.
    """
    if scores.ndim == 2:
        return scores
    result = np.empty(scores.shape[1:])
    for half in (0, 1):
        other = slice(1 - half, None, 2)
        values = [statistic(each[:, other], found[:, other]) for each in scores]
        best = scores[int(np.argmax(np.nan_to_num(values, nan=-np.inf)))][:, half::2]
        result[:, half::2] = best / (best.std() or 1.0)
    return result


def by_plants(methods: Methods, plants: dict[str, tuple[np.ndarray, np.ndarray]]) -> list[Grade]:
    """Grade by planted units.

    Args:
        methods: scores.
        plants: by plant, whether each sample bears it (B,) bool, and its units (k,).

    Returns:
        grades planted_top (share of bearing samples whose first unit is planted), planted_recall
        (share of the planted units among the first 10, or the first P of P > 10) and planted_false
        (share of the other samples whose first unit is planted), shares with the intervals of `_share`.
    """
    grades = []
    for name, scores in methods.items():
        first, recall, wrong = [], [], []
        for bears, units in plants.values():
            ranked = np.argsort(-scores, axis=0, kind="stable")[: max(TOP, len(units))]
            first.append(np.isin(ranked[0, bears], units))
            recall.append(np.isin(ranked[:, bears], units).sum(axis=0) / len(units))
            wrong.append(np.isin(ranked[0, ~bears], units))
        grades += _share(name, "planted_top", first)
        if len(recalls := np.concatenate(recall)):
            grades.append(Grade(name, "planted_recall", float(recalls.mean()), np.nan, np.nan))
        grades += _share(name, "planted_false", wrong)
    return grades


def attributed_plants(
    attributed: Methods, plants: dict[str, tuple[np.ndarray, np.ndarray]]
) -> list[Grade]:
    """Grade statistics by whether they attribute bearing samples, and only these, to planted units.

    Args:
        attributed: by statistic, (U, B) bool.
        plants: by plant, whether each sample bears it (B,) bool, and its units (k,).

    Returns:
        grades planted_found and planted_wrong: share of the bearing samples, and of the others, to
        which a planted unit is attributed, with the intervals of `_share`.
    """
    grades = []
    for name, mask in attributed.items():
        for kind, wanted in (("planted_found", True), ("planted_wrong", False)):
            hits = [mask[units][:, bears == wanted].any(axis=0) for bears, units in plants.values()]
            grades += _share(name, kind, hits)
    return grades


def _share(name: str, kind: str, values: list[np.ndarray]) -> list[Grade]:
    """Return the share of true values as a grade; no grade without values.

    The samples of a planted unit share its one code word, so there are as many trials as planted units.

    Args:
        name: of the method.
        kind: of the grade.
        values: for each planted unit (or units of one plant), (samples,) bool.
    """
    trials = sum(len(each) > 0 for each in values)
    if not trials:
        return []
    share = float(np.concatenate(values).mean())
    return [Grade(name, kind, share, *truth.share_interval(share, trials))]


def differences(
    draws: Draws, grades: list[Grade]
) -> list[tuple[str, str, str, float, float, float]]:
    """Compare the methods with each other, by every grade that has a bootstrap.

    Both methods of a pair are graded on the same draws, so what all methods have in common, hard samples
    for instance, is in neither the difference nor its interval.

    Args:
        draws: bootstrap draws by grade and method.
        grades: grades of all methods.

    Returns:
        for each grade and each pair of methods: the grade, the better method, the other, the
        difference of their grades, at least 0, and its 95 % interval over the draws.
    """
    value = {(each.grade, each.method): each.value for each in grades}
    rows = []
    for grade, drawn in draws.items():
        known = [name for name in drawn if np.isfinite(value.get((grade, name), np.nan))]
        known.sort(key=lambda name: -value[grade, name])
        for first, second in combinations(known, 2):
            low, high = interval(drawn[first] - drawn[second])
            difference = value[grade, first] - value[grade, second]
            rows.append((grade, first, second, float(difference), float(low), float(high)))
    return rows


def agreement(draws: Draws, grades: list[Grade]) -> list[tuple[str, str, int, float, float, float]]:
    """Compare the order of methods by gain with that by every other grade.

    `random` and versions with noise (`rivals.degraded_scores`), which are worse by construction, are left out:
    they would agree by any grade.

    Args:
        draws: bootstrap draws by grade and method.
        grades: grades of all methods.

    Returns:
        for each other grade: "gain", the grade, number of methods with both, Kendall's tau, and its
        95 % interval over the draws.
    """
    from scipy.stats import kendalltau

    value = {(each.grade, each.method): each.value for each in grades}
    rows = []
    for other in draws:
        both = sorted(
            name
            for name in set(draws["gain"]) & set(draws[other])
            if not worse_by_construction(name)
            and np.isfinite([value.get((kind, name), np.nan) for kind in ("gain", other)]).all()
        )
        if other == "gain" or len(both) < 3:
            continue
        tau = kendalltau(*([value[kind, name] for name in both] for kind in ("gain", other)))
        pairs = [[draws[kind][name] for name in both] for kind in ("gain", other)]
        count = min(map(len, (pairs[0][0], pairs[1][0])))
        drawn = [
            kendalltau([each[i] for each in pairs[0]], [each[i] for each in pairs[1]]).statistic
            for i in range(count)
        ]
        low, high = interval(np.array(drawn))
        rows.append(("gain", other, len(both), float(tau.statistic), float(low), float(high)))
    return rows


Taken = Callable[[np.ndarray, np.ndarray], float]


def _taken(
    statistic: Callable[[np.ndarray, np.ndarray], float],
    first: np.ndarray,
    second: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    *,
    own: np.ndarray | None = None,
) -> float:
    """Return a statistic of some rows and columns of two arrays; rows may repeat.

    Columns that have a row of their `own` count only where that row is there.
    """
    if statistic in (truth.top_auc, truth.first_share):  # a row that repeats is no rival of itself
        units, times = np.unique(rows, return_counts=True)
        if own is not None:
            columns = columns[np.isin(own[columns], units)]
        at = np.ix_(units, columns)
        return statistic(first[at], second[at], times)
    at = np.ix_(rows, columns)
    return statistic(first[at], second[at])


def _graded(
    kind: str, statistics: dict[str, Taken], shape: tuple[int, int]
) -> tuple[list[Grade], dict[str, np.ndarray]]:
    """Return the grade of each method with its interval, and its bootstrap draws."""
    grades, draws = [], {}
    rows, columns = (np.arange(size) for size in shape)
    for name, statistic in statistics.items():
        draws[name] = truth.bootstrap(statistic, shape, draws=DRAWS, seed=0)
        low, high = interval(draws[name])
        grades.append(Grade(name, kind, statistic(rows, columns), float(low), float(high)))
    return grades, draws
