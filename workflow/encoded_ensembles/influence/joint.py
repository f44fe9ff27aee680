"""Joint decoding: a unit's effect after the effects of all other units are taken out.

At one noise level, each member's estimate less the ensemble's is modelled as a sum over units: the
member's centred bit in the unit's code word, times a random effect, times the direction to the unit,
plus noise. For one unit, what the other units explain is removed, and the rest is compared with any
code word by generalised least squares. The unit's own word enters neither the model nor the weights of
the comparison: under the null hypothesis it is exchangeable with null code words, so the test by
null code words is exact, whatever the model's parameters.

Source: the mixed model of genetics (Henderson 1975) with the leave-one-out formula of its inverse;
Candes, Fan, Janson & Lv, *Panning for gold* (2018) for the test given all other words.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from encoded_ensembles.data.likeness import by_unit
from encoded_ensembles.influence.contrast import directions

# ASSUME: parameters of the model.
# Any values give exact tests, and only their ratio matters. It was chosen by the number of attributed pairs on the
# first 24 of 48 samples of 512 digits; 10 times more or less names about as many samples and pairs.
NOISE = 0.3  # variance of the noise, in units of the mean square of the residuals of a level
DECODED = 8  # noise levels decoded jointly, evenly spread; twice as many name no more units
EFFECT = 1.0  # mean variance of the units' effects, in the same units


class Evidence(NamedTuple):
    """What a unit's code word is compared with: sums over levels, for K units.

    Attributes:
        pull: (K, n), weighted residual of each member towards the unit.
        precision: (K, n, n), of the residuals under the model without the unit.
    """

    pull: np.ndarray
    precision: np.ndarray


def word_products(words: np.ndarray) -> np.ndarray:
    """Return the products of the centred bits of words (R, n), (R, n * n) float64, for `scores`."""
    centred = words - words.mean(axis=-1, keepdims=True)
    return (centred[:, :, None] * centred[:, None]).reshape(len(words), -1)


def scores(evidence: Evidence, words: np.ndarray, products: np.ndarray | None = None) -> np.ndarray:
    """Return the score of each unit under each word: about standard normal under the null.

    Args:
        evidence: of K units.
        words: (R, n) bool, or (K, R, n), other words for each unit.
        products: `word_products` of words (R, n), if these are used several times.

    Returns:
        (K, R) float64.
    """
    centred = words - words.mean(axis=-1, keepdims=True)
    if words.ndim == 3:
        numerator = np.einsum("krn,kn->kr", centred, evidence.pull)
        square = np.einsum("krn,knm,krm->kr", centred, evidence.precision, centred, optimize=True)
    else:
        numerator = evidence.pull @ centred.T
        products = word_products(words) if products is None else products
        square = evidence.precision.reshape(len(evidence.pull), -1) @ products.T
    return numerator / np.sqrt(np.maximum(square, np.finfo(float).tiny))


class Decoder:
    """Decodes all samples, level by level.

    Attributes:
        alone: evidence for each sample's K units, each left out of the model by itself.
        together: for each set of positions in `sets`, evidence for its units, all left out together.
    """

    def __init__(
        self,
        images: np.ndarray,
        unit_of: np.ndarray,
        code: np.ndarray,
        candidates: np.ndarray,
        *,
        sets: Sequence[np.ndarray] = (),
    ) -> None:
        """Prepare the model of each sample.

        Args:
            images: (N, F), in the space of the estimates.
            unit_of: (N,) int64, 0..U-1.
            code: (U, n) bool.
            candidates: (B, K) int64, the units in the model of each sample, likeliest first; the
                variance of a unit's effect is proportional to 1 / its place in this order.
            sets: arrays (k,) or (B, k) int64 of places in this order.
        """
        (samples, units), members = candidates.shape, code.shape[1]
        order, starts, sizes = by_unit(unit_of)
        rows = [[order[starts[u] : starts[u] + sizes[u]] for u in row] for row in candidates]
        self._images, self._rows, self._code = images, rows, code
        self._candidates = candidates
        self._sets = [np.broadcast_to(places, (samples, places.shape[-1])) for places in sets]
        self._prior = rank_weights(units)
        self.alone = _empty(samples, units, members)
        self.together = [_empty(samples, places.shape[1], members) for places in self._sets]

    def add(self, estimate: np.ndarray) -> None:
        """Add the evidence at one level; `estimate` is (n, B, F)."""
        for sample, rows in enumerate(self._rows):
            level = _Level(
                estimate[:, sample],
                self._images[np.concatenate(rows)],
                np.repeat(np.arange(len(rows)), [len(part) for part in rows]),
                self._code[self._candidates[sample]],
                self._prior,
            )
            _add(self.alone, sample, level.alone())
            for evidence, places in zip(self.together, self._sets, strict=True):
                _add(evidence, sample, level.without(places[sample]))


def rank_weights(count: int) -> np.ndarray:
    """Return weights (K,) of mean one, proportional to 1 / rank."""
    weights = 1 / np.arange(1, count + 1)
    return weights / weights.mean()


def _empty(samples: int, units: int, members: int) -> Evidence:
    return Evidence(
        np.zeros((samples, units, members)), np.zeros((samples, units, members, members))
    )


def _add(evidence: Evidence, sample: int, part: tuple[np.ndarray, np.ndarray]) -> None:
    for total, more in zip(evidence, part, strict=True):
        total[sample] += more


class _Level:
    """The model at one level; `alone` and `without` return the parts of `Evidence` there."""

    def __init__(
        self,
        estimate: np.ndarray,
        images: np.ndarray,
        unit_of: np.ndarray,
        code: np.ndarray,
        prior: np.ndarray,
    ) -> None:
        """Fit the model with all units."""
        centre = estimate.mean(axis=0, dtype=np.float64)
        residual = estimate - centre
        residual /= np.sqrt(np.square(residual).mean()) or 1.0
        direction = directions(centre, images, unit_of)
        self.centred = code - code.mean(axis=1, keepdims=True)  # (K, n)
        self.gram = direction @ direction.T  # (K, K)
        self.pulled = direction @ residual.T  # (K, n)
        information = (self.centred @ self.centred.T) * self.gram
        information[np.diag_indices(len(code))] += NOISE / (EFFECT * prior)
        self.inverse = np.linalg.inv(information)
        self.effect = self.inverse @ (self.centred * self.pulled).sum(axis=1)  # (K,)

    def alone(self) -> tuple[np.ndarray, np.ndarray]:
        """Return pull and precision of each unit, with that unit left out of the model."""
        own = np.diag(self.inverse)
        others = self.effect - self.inverse * (self.effect / own)[:, None]  # 0 for the unit itself
        pull = self.pulled - (self.gram * others) @ self.centred
        seen = self.gram[:, :, None] * self.centred  # (K, K, n)
        spread = np.einsum("uvn,uv->un", seen, self.inverse)
        root = np.linalg.cholesky(self.inverse).T
        explained = root @ seen  # (K, K, n)
        precision = _precision(self.gram.diagonal(), explained)
        precision += spread[:, :, None] * spread[:, None] / own[:, None, None]
        return pull / NOISE, precision / NOISE

    def without(self, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return pull and precision of some units, with all of them left out of the model."""
        columns = self.inverse[:, units]
        solved = np.linalg.solve(columns[units], columns.T)  # (k, K)
        others = self.effect - columns @ np.linalg.solve(columns[units], self.effect[units])
        gram = self.gram[units]
        pull = self.pulled[units] - (gram * others) @ self.centred
        seen = gram[:, :, None] * self.centred
        inverse = self.inverse - columns @ solved
        precision = self.gram.diagonal()[units, None, None] * np.eye(self.centred.shape[1])
        precision = precision - np.swapaxes(seen, 1, 2) @ (inverse @ seen)
        return pull / NOISE, precision / NOISE


def _precision(own: np.ndarray, explained: np.ndarray) -> np.ndarray:
    """Return the precision (K, n, n) without what all units explain."""
    return own[:, None, None] * np.eye(explained.shape[2]) - (
        np.swapaxes(explained, 1, 2) @ explained
    )
