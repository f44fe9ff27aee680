"""Agreement of attribution scores with truth."""

from collections.abc import Callable

import numpy as np

from encoded_ensembles.randomness import Purpose, generator


def spearman(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the rank correlation of two arrays along their first axis, ties ranked in the middle.

    Args:
        first: (K, B).
        second: (K, B).

    Returns:
        (B,) in [-1, 1], NaN where one of them is constant.
    """
    from scipy.stats import rankdata

    centred = [rankdata(each, axis=0) - (len(each) + 1) / 2 for each in (first, second)]
    length = np.sqrt(np.square(centred).sum(axis=1))
    product = (centred[0] * centred[1]).sum(axis=0)
    scale = length[0] * length[1]
    return np.divide(product, scale, out=np.full(len(scale), np.nan), where=scale > 0)


def within_samples(scores: np.ndarray, truth: np.ndarray) -> float:
    """Return how well scores order the units of a sample, the attribution question.

    Args:
        scores: (K, B), of K units on B samples.
        truth: (K, B), how far each sample moves without each unit.

    Returns:
        mean over samples of Spearman's correlation over units; samples without any are left out, NaN
        if none is left.
    """
    return _mean(spearman(scores, truth))


def within_units(scores: np.ndarray, truth: np.ndarray) -> float:
    """Return how well scores order the samples of a unit: whom it moves most.

    Args:
        scores: (K, B).
        truth: (K, B).

    Returns:
        mean over units of Spearman's correlation over samples.
    """
    return _mean(spearman(scores.T, truth.T))


def top_auc(scores: np.ndarray, truth: np.ndarray, *, share: float = 0.1) -> float:
    """Return how well scores find the units whose absence moves a sample most.

    Args:
        scores: (K, B).
        truth: (K, B).
        share: of the units that are to be found, at least one.

    Returns:
        mean over samples of the area under the ROC curve, 0..1; 0.5 is chance.
    """
    from scipy.stats import rankdata

    units = len(truth)
    found = max(1, round(share * units))
    top = np.argsort(-truth, axis=0, kind="stable")[:found]
    rank = np.take_along_axis(rankdata(scores, axis=0), top, axis=0).sum(axis=0)
    return _mean((rank - found * (found + 1) / 2) / (found * (units - found)))


def bootstrap(
    statistic: Callable[[np.ndarray, np.ndarray], float],
    shape: tuple[int, int],
    *,
    draws: int,
    seed: int,
) -> np.ndarray:
    """Draw rows and columns with replacement and take a statistic of each draw.

    The draws follow from the seed and the shape alone: those of two methods can be compared pairwise.

    Args:
        statistic: takes the numbers of the rows (K,) and of the columns (B,).
        shape: (K, B).
        draws: S.
        seed: of the draws.

    Returns:
        (S,) float64.
    """
    found = np.empty(draws)
    for row in range(draws):
        rng = generator(seed=seed, purpose=Purpose.GRADING, key=3, counter=row)
        rows, columns = (rng.integers(size, size=size) for size in shape)
        found[row] = statistic(rows, columns)
    return found


def _mean(values: np.ndarray) -> float:
    """Return the mean of the values that are not NaN, or NaN."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
