"""Check of the calibration: null code words are tested as if they were units.

They have no effect, so 5 % of their p-values should be at or below 0.05. This checks the procedure: null words
are alike among themselves by construction. Whether those of units are alike to them, decoys show. No test of
uniformity is made: the p-values of two halves are more even than independent ones, and a draw of null words
serves all samples of a set or of a directional distance.
"""

import numpy as np

from encoded_ensembles.data.images import to_rows
from encoded_ensembles.data.likeness import nearest_distances
from encoded_ensembles.influence.calibration import p_and_z, set_p_values
from encoded_ensembles.influence.contrast import null_contrasts
from encoded_ensembles.influence.directional import Samples, excess
from encoded_ensembles.randomness import Purpose, generator

TESTS = 3000  # approximate number of tests of each statistic
DRAWS = 199  # draws of null words for each set


def halves_p_values(value: np.ndarray, *, seed: int) -> np.ndarray:
    """Test each half of the null words against the other half, as units are tested against all.

    Args:
        value: (R, B), R >= 2.
        seed: seed of the halves.

    Returns:
        (R, B) p-values, in the order of the halves.
    """
    rng = generator(seed=seed, purpose=Purpose.GRADING, key=9)
    one, other = np.array_split(rng.permutation(len(value)), 2)
    return np.concatenate(
        [p_and_z(value[a], value[b].T)[0] for a, b in ((one, other), (other, one))]
    )


def set_null_p_values(
    pull: np.ndarray, words: np.ndarray, order: np.ndarray, *, sizes: tuple[int, ...], seed: int
) -> np.ndarray:
    """Test sets of near units under null code words, drawn from these and others like a set's own.

    Args:
        pull: (B, U, n).
        words: (R, n) bool.
        order: (B, U), units, nearest first.
        sizes: sizes of the sets; a size with too few words is skipped.
        seed: of the draws.

    Returns:
        (tests,).
    """
    rng = generator(seed=seed, purpose=Purpose.GRADING, key=5)
    unit_words, null = np.array_split(words[rng.permutation(len(words))], 2)
    sizes = tuple(size for size in sizes if size <= min(len(unit_words), len(null), order.shape[1]))
    p_values = []
    for _ in range(-(-TESTS // (len(order) * max(1, len(sizes))))):
        for size in sizes:
            chosen = np.take_along_axis(pull, order[:, :size, None], axis=1)
            drawn = unit_words[rng.permutation(len(unit_words))[:size]]
            chance = null_contrasts(chosen, np.concatenate([drawn, null])).transpose(1, 0, 2)
            contrasts = chance[:, np.arange(size), np.arange(size)]
            draw = int(rng.integers(2**32))
            p_values.append(set_p_values(contrasts, chance, draws=DRAWS, seed=draw))
    return np.concatenate(p_values) if p_values else np.zeros(0)


def directional_p_values(
    moved: Samples, words: np.ndarray, images: np.ndarray, unit_of: np.ndarray, *, seed: int
) -> np.ndarray:
    """Test the directional statistic of random units under a null word in place of their code word.

    The masks are those of the null words alone, so that the units' code words have no effect.

    Args:
        moved: (R, B, C, H, W), counterfactuals of the null words, or read by sample.
        words: (R, n) bool, R >= 2.
        images: (N, H, W, C) uint8.
        unit_of: (N,) int64.
        seed: of the draws.

    Returns:
        (tests,).
    """
    rng = generator(seed=seed, purpose=Purpose.GRADING, key=7)
    units = rng.integers(unit_of.max() + 1, size=-(-TESTS // moved.shape[1]))
    distances = np.empty((len(units), moved.shape[1], len(words)))
    for sample in range(moved.shape[1]):
        points = moved[:, sample].reshape(len(words), -1)
        for row, unit in zip(distances, units, strict=True):
            row[sample] = nearest_distances(points, to_rows(images[unit_of == unit]))[:, 0]
    p_values = []
    for distance in distances:
        value = excess(distance, words, words)
        word = int(rng.integers(len(words)))
        p_values.append(p_and_z(value[:, word], np.delete(value, word, axis=1))[0])
    return np.concatenate(p_values)


def small_share(p: np.ndarray, *, words: int, seed: int) -> float:
    """Return the share of p-values at or below 0.05.

    A p-value is a multiple of 1 / (R + 1); it is spread uniformly over its step, since otherwise fewer
    than 5 % are at or below 0.05 if 0.05 is not such a multiple.

    Args:
        p: (tests,).
        words: R, number of words of the null distribution.
        seed: seed of the spreading.
    """
    rng = generator(seed=seed, purpose=Purpose.GRADING, key=6)
    return float((p - rng.random(p.shape) / (words + 1) <= 0.05).mean())
