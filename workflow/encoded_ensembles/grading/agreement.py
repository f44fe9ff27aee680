"""Agreement of attribution scores with truth."""

from collections.abc import Callable

import numpy as np

from encoded_ensembles.randomness import Purpose, generator


def spearman(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the rank correlation of two arrays along their first axis, ties at their mean rank.

    Args:
        first: (K, B).
        second: (K, B).

    Returns:
        (B,) in [-1, 1], NaN where one of them is constant.
    """
    from scipy.stats import rankdata

    centred = [rankdata(values, axis=0) - (len(values) + 1) / 2 for values in (first, second)]
    length = np.sqrt(np.square(centred).sum(axis=1))
    product = (centred[0] * centred[1]).sum(axis=0)
    scale = length[0] * length[1]
    return np.divide(product, scale, out=np.full(len(scale), np.nan), where=scale > 0)


def within_samples(scores: np.ndarray, truth: np.ndarray) -> float:
    """Return how well scores order the units of a sample, the attribution question.

    Args:
        scores: (K, B), scores of K units on B samples.
        truth: (K, B), how far each sample moves without each unit.

    Returns:
        mean over samples of Spearman's correlation over units, without samples that have none; NaN if
        no sample has one.
    """
    return _mean(spearman(scores, truth))


def within_units(scores: np.ndarray, truth: np.ndarray) -> float:
    """Return how well scores order the samples of a unit, by how far it moves them.

    Args:
        scores: (K, B).
        truth: (K, B).

    Returns:
        mean over units of Spearman's correlation over samples.
    """
    return _mean(spearman(scores.T, truth.T))


def top_auc(
    scores: np.ndarray, truth: np.ndarray, weights: np.ndarray | None = None, *, share: float = 0.1
) -> float:
    """Return how well scores identify the units whose absence moves a sample most.

    Args:
        scores: (K, B).
        truth: (K, B).
        weights: (K,) int, how many times a unit counts, such as those of a draw; by default once. A unit that
            counts twice is not compared with itself, as a row that stands twice would be.
        share: share of the units to identify, at least one unit.

    Returns:
        mean over samples of the area under the ROC curve, 0..1, without those where all units are to be
        identified; 0.5 is chance.
    """
    times = _times(weights, truth)
    scores, truth, times = scores[times > 0], truth[times > 0], times[times > 0]
    count = max(1, round(share * times.sum()))
    order = np.argsort(-truth, axis=0, kind="stable")
    sorted_times = times[order]
    top_times = np.where(np.cumsum(sorted_times, axis=0) - sorted_times < count, sorted_times, 0)
    other_times = sorted_times - top_times
    ranked = np.take_along_axis(scores, order, axis=0)
    top = ranked[:count, None]  # the units to identify are no more
    above = (top > ranked).astype(np.float64) + (top >= ranked)
    area = np.einsum("kb,klb,lb->b", top_times[:count], above, other_times)
    pairs = 2 * top_times.sum(axis=0) * other_times.sum(axis=0)
    return _mean(np.divide(area, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0))


def first_share(scores: np.ndarray, truth: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return how far the unit with the highest score moves a sample, beside all other units.

    Args:
        scores: (K, B).
        truth: (K, B).
        weights: (K,) int, how many times a unit counts; by default once.

    Returns:
        mean over samples of the share of the other units that move the sample less, ties by half: 1 at best,
        0.5 by chance; NaN if there is no other unit.
    """
    first = scores.argmax(axis=0)
    found = np.take_along_axis(truth, first[None], axis=0)
    others = np.where(np.arange(len(truth))[:, None] == first, 0, _times(weights, truth)[:, None])
    less = ((truth < found) * others).sum(axis=0) + ((truth <= found) * others).sum(axis=0)
    total = others.sum(axis=0)
    return _mean(np.divide(less, 2 * total, out=np.full(len(total), np.nan), where=total > 0))


def share_interval(share: float, trials: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, Wilson's, which holds the share itself.

    Args:
        share: of samples, 0..1.
        trials: number of independent things, such as the units whose code words the samples share.
    """
    from scipy.stats import binomtest

    low, high = binomtest(round(share * trials), trials).proportion_ci(method="wilson")
    return min(float(low), share), max(float(high), share)


def bootstrap(
    statistic: Callable[[np.ndarray, np.ndarray], float],
    shape: tuple[int, int],
    *,
    draws: int,
    seed: int,
) -> np.ndarray:
    """Draw rows and columns with replacement and return a statistic of each draw.

    The draws depend only on seed and shape: those of two methods can be compared pairwise.

    Args:
        statistic: function of the numbers of the rows (K,) and of the columns (B,).
        shape: (K, B).
        draws: S.
        seed: seed of the draws.

    Returns:
        (S,) float64.
    """
    values = np.empty(draws)
    for row in range(draws):
        rng = generator(seed=seed, purpose=Purpose.GRADING, key=3, counter=row)
        rows, columns = (rng.integers(size, size=size) for size in shape)
        values[row] = statistic(rows, columns)
    return values


def _times(weights: np.ndarray | None, truth: np.ndarray) -> np.ndarray:
    return np.ones(len(truth), np.int64) if weights is None else weights


def _mean(values: np.ndarray) -> float:
    """Return the mean of the values that are not NaN, or NaN."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
