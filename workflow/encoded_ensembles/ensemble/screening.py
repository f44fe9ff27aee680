"""Screening: the largest distances of a landscape, from few of its ablations.

The displacement of a sample is a smooth function of the word whose members are dropped. For each
sample that function is interpolated by a Gaussian process (kriging) through all known values: nothing
dropped, each member dropped alone, the null code words, and the units ablated so far. The units
of largest predicted distance are ablated next, until few are expected to be missed.

The model of the error: the process gives the uncertainty of each prediction, its spread, up to a factor.
In units of the spread, errors have the distribution of those of null words and of units ablated so far,
each predicted from all others (leave-one-out).

Sources: Rasmussen & Williams, *Gaussian Processes for Machine Learning*, 2006, sections 2.2 and 5.4.2;
Dai & Gifford, arXiv 2406.07908, for the landscape.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

# Candidates, chosen by leave-one-out error for each sample: the number of members in which two words
# may differ and still be similar, and the share of a displacement that is a sum over members.
LENGTHS = (1.5, 2.0, 3.0, 4.0)
LINEAR = (0.3, 1.0, 3.0, 10.0)
NUGGET = 1e-3  # keeps nearly equal words apart
STEP = 5  # units ablated at a time, for each sample


class Prediction(NamedTuple):
    """Interpolated distances of some words."""

    distance: np.ndarray  # (U,) float64, at least 0
    spread: np.ndarray  # (U,) float64, above 0
    errors: np.ndarray  # (E,) float64: (known minus predicted distance) / spread, leave-one-out

    def expected(self) -> np.ndarray:
        """Return the expected distance of each word, (U,): the prediction plus the mean error."""
        return np.maximum(self.distance + self.spread * self.errors.mean(), 0)

    def short(self, threshold: float) -> np.ndarray:
        """Return by how many spreads each prediction falls short of a threshold, (U,)."""
        return (threshold - self.distance) / self.spread


def known_words(null_words: np.ndarray) -> np.ndarray:
    """Return the words known before any unit is ablated: the empty one, single members, null words.

    Args:
        null_words: (R, n) bool.

    Returns:
        (1+n+R, n) bool.
    """
    n = null_words.shape[1]
    return np.concatenate([np.zeros((1, n), bool), np.eye(n, dtype=bool), null_words])


def kernel(one: np.ndarray, other: np.ndarray, *, length: float, linear: float) -> np.ndarray:
    """Return the covariance of displacements under words (A, n) and (D, n): (A, D) float64.

    A sum over the members in both words, and a part that decays with their Hamming distance.
    """
    a, b = one.astype(np.float64), other.astype(np.float64)
    both = a @ b.T
    differ = a.sum(axis=1)[:, None] + b.sum(axis=1) - 2 * both
    return linear * both / one.shape[1] + np.exp(-differ / (2 * length**2))


def interpolate(
    words: np.ndarray, known: np.ndarray, displacements: np.ndarray, *, first: int
) -> Prediction:
    """Predict the distance of each word for one sample.

    Args:
        words: (U, n) bool.
        known: (P, n) bool, distinct.
        displacements: (P, F), of the known words.
        first: the known words from this one on estimate the errors.
    """
    y = displacements.astype(np.float64)
    best, smallest = (LENGTHS[0], LINEAR[0]), np.inf
    inverse: np.ndarray = np.zeros(0)
    left_out: np.ndarray = np.zeros(0)
    for length in LENGTHS:
        for linear in LINEAR:
            candidate = np.linalg.inv(
                kernel(known, known, length=length, linear=linear) + NUGGET * np.eye(len(known))
            )
            errors_of = (candidate @ y) / np.diag(candidate)[:, None]
            if (total := float(np.square(errors_of[first:]).sum())) < smallest:
                best, smallest, inverse, left_out = (
                    (length, linear),
                    total,
                    candidate,
                    y - errors_of,
                )
    across = kernel(words, known, length=best[0], linear=best[1])
    share = across @ inverse
    squared = np.einsum("up,up->u", share @ (y @ y.T), share)
    itself = 1 + best[1] * words.sum(axis=1) / words.shape[1]
    variance = itself + NUGGET - np.einsum("up,up->u", share, across)
    errors = np.linalg.norm(y, axis=1) - np.linalg.norm(left_out, axis=1)
    return Prediction(
        np.sqrt(np.maximum(squared, 0)),
        np.sqrt(np.maximum(variance, NUGGET)),
        (errors * np.sqrt(np.diag(inverse)))[first:],
    )


def expected_missed(short: np.ndarray, errors: np.ndarray) -> float:
    """Return the expected number of units beyond a threshold.

    The distribution of errors is that of `errors`, smoothed by Silverman's rule of thumb.

    Args:
        short: (U,), by how many spreads predictions fall short of the threshold.
        errors: (E,) in spreads.
    """
    from scipy.stats import norm

    width = max(1.06 * float(errors.std()) * len(errors) ** -0.2, 1e-9)
    return float(norm.sf((short[:, None] - errors) / width).mean(axis=1).sum())


def most_units(*, units: int, members: int, weight: int, budget: float, least: int) -> int:
    """Return the number of units of a sample that a share of the exact landscape's cost allows to ablate.

    Null code words count on neither side: every run samples them.

    Args:
        units: U.
        members: n; each is dropped once, which costs n (n - 1) evaluations at each step.
        weight: w; a unit's ablation costs n - w.
        budget: the share, above 0.
        least: smallest number of units to ablate.
    """
    kept = members - weight
    affordable = int((budget * units * kept - members * (members - 1)) // kept)
    return min(units, max(least, affordable))


@dataclass(frozen=True)
class Aim:
    """When to stop the screening of a sample.

    Attributes:
        top: k, number of largest distances to find.
        missed: stop when the expected number of missed ones is at most this.
        most: stop at this number of ablated units in any case.
    """

    top: int
    missed: float
    most: int


class Search:
    """The screening of one sample: known displacements, and which units to ablate next."""

    def __init__(
        self,
        displacements: np.ndarray,
        *,
        code: np.ndarray,
        null_words: np.ndarray,
        wanted: np.ndarray,
        aim: Aim,
    ) -> None:
        """Start before any unit is ablated.

        Args:
            displacements: (1+n+R, F), those of `known_words`.
            code: (U, n) bool.
            null_words: (R, n) bool, at least two.
            wanted: (K,) int64, units that are always ablated.
            aim: when to stop.
        """
        self.code, self.aim, self.wanted = code, aim, wanted
        self.known, self.displacements = known_words(null_words), displacements
        self.before = len(self.known)
        self.done = np.zeros(0, np.int64)
        self.predicted, self.missed = np.zeros(len(code)), np.inf

    def next_units(self) -> np.ndarray:
        """Predict all distances again; return the units to ablate next, none to stop."""
        prediction = interpolate(
            self.code, self.known, self.displacements, first=1 + self.code.shape[1]
        )
        self.predicted = prediction.expected()
        rest = np.setdiff1d(np.arange(len(self.code)), self.done)
        room = max(0, self.aim.most - len(self.done))
        if not len(self.done):
            order = np.argsort(-self.predicted, kind="stable")
            first = [*self.wanted, *order[: self.aim.top]]
            return np.array(list(dict.fromkeys(first)), np.int64)[:room]
        exact = np.linalg.norm(self.displacements[self.before :].astype(np.float64), axis=1)
        threshold = np.sort(exact)[-min(self.aim.top, len(exact))]
        short = prediction.short(threshold)[rest]
        self.missed = expected_missed(short, prediction.errors)
        likely = rest[np.argsort(short, kind="stable")]
        return likely[:0] if self.missed <= self.aim.missed else likely[: min(STEP, room)]

    def add(self, units: np.ndarray, displacements: np.ndarray) -> None:
        """Add the displacements (a, F) of ablated units."""
        self.done = np.concatenate([self.done, units])
        self.known = np.concatenate([self.known, self.code[units]])
        self.displacements = np.concatenate([self.displacements, displacements])


def screen(
    searches: Sequence[Search], ablate: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> None:
    """Ablate units until no search wants more; each round serves all samples together.

    Args:
        searches: B, one for each sample.
        ablate: function of units (P,) and samples (P,) that returns displacements (P, F).
    """
    open_ = list(range(len(searches)))
    while open_:
        chosen = {b: searches[b].next_units() for b in open_}
        open_ = [b for b in open_ if len(chosen[b])]
        if open_:
            units = np.concatenate([chosen[b] for b in open_])
            sizes = [len(chosen[b]) for b in open_]
            displacements = ablate(units, np.repeat(open_, sizes))
            for b, part in zip(open_, np.split(displacements, np.cumsum(sizes)[:-1]), strict=True):
                searches[b].add(chosen[b], part)
