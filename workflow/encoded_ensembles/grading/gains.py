"""Grading attribution methods without retraining: the exposure gain curve.

Which members see a unit is random, so a unit's contrast is an unbiased estimate of the effect of seeing
it on a sample. One contrast is noisy; the mean over the first units that a method ranks is less so.
The exposure gain curve of a method is that mean for its first k units, as a function of k.

A method that used the contrasts of some members must not be graded with those members: the members
are split into two folds, and each fold grades scores made without it. A method that used no member
has the same scores for both.
"""

from typing import NamedTuple

import numpy as np

from encoded_ensembles.influence.contrast import weighed_contrasts
from encoded_ensembles.randomness import Purpose, generator

LARGEST = 1024  # largest number of units per sample in a curve
HELD = 2_000_000  # contrasts of bootstrap draws in memory at once


class Gains(NamedTuple):
    """Gain curves of one method."""

    curve: np.ndarray  # (K,) float64: mean contrast of the first k units, k = 1..K
    bootstrap: np.ndarray  # (S, K): the same for each bootstrap draw


def member_folds(members: int, *, seed: int) -> np.ndarray:
    """Split the members at random into two folds whose sizes differ by at most one.

    Args:
        members: n.
        seed: seed of the draw.

    Returns:
        (n,) int64, 0 or 1.
    """
    rng = generator(seed=seed, purpose=Purpose.GRADING, key=0)
    return (rng.permutation(members) % 2).astype(np.int64)


def graded_samples(samples: int) -> np.ndarray:
    """Return the samples used for grading, (B,) bool: every other one, since the rest made choices."""
    return np.arange(samples) % 2 == 1 if samples > 1 else np.ones(samples, bool)


def order_units(scores: np.ndarray, *, largest: int = LARGEST) -> np.ndarray:
    """Return the units with the largest scores for each sample; ties by unit number, NaN last.

    Args:
        scores: (U, B).
        largest: largest number of units.

    Returns:
        (B, min(U, largest)) int64.
    """
    return np.argsort(-scores, axis=0, kind="stable").T[:, :largest]


def gain_curves(contrast: np.ndarray) -> np.ndarray:
    """Return the mean of the first k contrasts for each k, leaving out NaN.

    Args:
        contrast: (B, K, S), contrasts of each sample's units in order.

    Returns:
        (B, K, S) float64; NaN until a contrast is known.
    """
    known = np.isfinite(contrast)
    with np.errstate(invalid="ignore"):
        return np.cumsum(np.where(known, contrast, 0), axis=1) / np.cumsum(known, axis=1)


def gains(
    pull: np.ndarray,
    code: np.ndarray,
    orders: tuple[np.ndarray, np.ndarray],
    *,
    folds: np.ndarray,
    draws: int,
    seed: int,
) -> Gains:
    """Return the gain curve of a method and its bootstrap over samples and members.

    The bootstrap is Rubin's: members and samples get exponential weights, so that no unit loses all
    members that saw it. All methods share the draws, so they can be compared draw by draw.

    Args:
        pull: (B, U, n).
        code: (U, n) bool.
        orders: for each fold f, (B, K) int64: units ordered without the members of fold f.
        folds: (n,) int64 of `member_folds`.
        draws: S.
        seed: seed of the draws.

    Source: Rubin, *The Bayesian bootstrap*, Annals of Statistics 9, 1981.
    """
    rng = generator(seed=seed, purpose=Purpose.GRADING, key=1)
    count, width = orders[0].shape
    members = np.concatenate([np.ones((1, len(folds))), rng.exponential(size=(draws, len(folds)))])
    samples = np.concatenate([np.ones((1, count)), rng.exponential(size=(draws, count))])
    chosen = [
        (np.take_along_axis(pull, order[..., None], axis=1).astype(np.float64), code[order])
        for order in orders
    ]
    curves = np.empty((draws + 1, width))
    step = max(1, HELD // (count * width))
    for start in range(0, draws + 1, step):
        part = slice(start, start + step)
        curve = sum(
            gain_curves(
                weighed_contrasts(pulled, words, np.where(folds == fold, members[part], 0).T)
            )
            for fold, (pulled, words) in enumerate(chosen)
        ) / len(chosen)  # (B, K, S)
        weight = np.isfinite(curve) * samples[part].T[:, None]
        with np.errstate(invalid="ignore"):
            curves[part] = (
                (np.where(weight > 0, curve, 0) * weight).sum(axis=0) / weight.sum(axis=0)
            ).T
    return Gains(curves[0], curves[1:])


def best_orders(
    pull: np.ndarray, code: np.ndarray, folds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the units in the order of the contrasts that grade them, for both folds.

    Args:
        pull: (B, U, n).
        code: (U, n) bool.
        folds: (n,).
    """
    words = np.broadcast_to(code, pull.shape)
    contrasts = [
        weighed_contrasts(pull.astype(np.float64), words, (folds == fold)[:, None].astype(float))
        for fold in (0, 1)
    ]
    first, second = (
        np.where(np.isfinite(contrast), contrast, -np.inf)[..., 0].T for contrast in contrasts
    )
    return order_units(first), order_units(second)


def area(curve: np.ndarray) -> np.ndarray:
    """Return the area under gain curves over log k, divided by its width: a mean gain.

    On a linear axis nearly all of the area would come from large k, where methods hardly differ.

    Args:
        curve: (..., K).

    Returns:
        (...): the mean of the curve, k weighted by 1/k.
    """
    weight = 1 / np.arange(1, curve.shape[-1] + 1)
    known = np.isfinite(curve)
    with np.errstate(invalid="ignore"):
        return np.where(known, curve, 0) @ weight / (known @ weight)


def interval(draws: np.ndarray, *, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Return the quantiles that enclose `level` of bootstrap draws along the first axis."""
    tail = (1 - level) / 2
    if np.isnan(draws).all():
        return (np.full(draws.shape[1:], np.nan),) * 2
    return np.nanquantile(draws, tail, axis=0), np.nanquantile(draws, 1 - tail, axis=0)


def shuffle_words(code: np.ndarray, words: np.ndarray, *, seed: int) -> np.ndarray:
    """Return shuffled words for the units, drawn from code words and null code words together.

    Args:
        code: (U, n) bool.
        words: (R, n) bool, null code words.
        seed: seed of the draw.

    Returns:
        (U, n) bool, distinct words.
    """
    rng = generator(seed=seed, purpose=Purpose.GRADING, key=2)
    pool = np.concatenate([code, words])
    return pool[rng.permutation(len(pool))[: len(code)]]
