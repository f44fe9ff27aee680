"""Checks of the calibration: uniform where nothing is, and not where the test is wrong."""

from itertools import combinations

import numpy as np
import pytest
from encoded_ensembles.grading import null_check


@pytest.fixture(scope="module")
def words():
    chosen = np.array(list(combinations(range(9), 4)))
    found = np.zeros((len(chosen), 9), bool)
    np.put_along_axis(found, chosen, True, axis=1)
    return found[np.random.default_rng(0).permutation(len(found))]


def test_halves_are_tested_against_each_other():
    p = null_check.halves_p_values(np.array([[3.0, 1.0], [1.0, 3.0]]), seed=0)
    assert sorted(p[:, 0]) == sorted(p[:, 1]) == [0.5, 1.0]
    rng = np.random.default_rng(2)
    p = null_check.halves_p_values(rng.normal(size=(101, 60)), seed=0)
    assert p.shape == (101, 60)
    share = null_check.small_share(p.ravel(), words=50, seed=0)
    assert 0.04 < share < 0.06


def test_nothing_is_found_where_nothing_is(words):
    rng = np.random.default_rng(1)
    pull = rng.normal(size=(10, 40, 9))
    order = np.stack([rng.permutation(40) for _ in range(10)])
    p = null_check.set_null_p_values(pull, words, order, sizes=(1, 3, 10), seed=0)
    share = null_check.small_share(p, words=null_check.DRAWS, seed=0)
    assert len(p) >= 2000
    assert 0.03 < share < 0.075
    moved = rng.normal(size=(60, 10, 1, 3, 3))
    images = rng.integers(0, 256, (40, 3, 3, 1), dtype=np.uint8)
    p = null_check.directional_p_values(moved, words[:60], images, np.arange(40), seed=0)
    share = null_check.small_share(p, words=59, seed=0)
    assert 0.03 < share < 0.075


def test_p_values_that_are_too_small_are_noticed():
    rng = np.random.default_rng(0)
    assert null_check.small_share(rng.random(2000) ** 2, words=10_000, seed=0) > 0.15


def test_p_values_are_spread_over_their_steps():
    """Of 1/3, 2/3 and 1 none is 0.05 or less; of what is spread over these steps 5 % are."""
    p = np.tile([1 / 3, 2 / 3, 1], 20_000)
    assert null_check.small_share(p, words=2, seed=0) == pytest.approx(0.05, abs=0.005)
