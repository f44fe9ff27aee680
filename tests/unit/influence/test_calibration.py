"""Calibration: p-values by hand."""

import numpy as np
import pytest
from encoded_ensembles.influence import calibration


def test_equal_values_are_no_evidence():
    """Issue 14.28: null values that reach the value count, so p is 1 where all are equal."""
    same = np.ones((2, 3))
    assert calibration.set_p_values(same, np.ones((2, 3, 5)), draws=19, seed=0).tolist() == [1, 1]
    p, z = calibration.p_and_z(same, np.ones((2, 3, 5)))
    assert (p == 1).all()
    assert np.isnan(z).all()


def test_the_units_of_a_set_get_different_null_words():
    """Issue 14.28: where a set takes every word, each draw has the same mean."""
    null = np.broadcast_to([0.0, 1.0, 2.0, 9.0], (2, 4, 4))
    value = np.array([[3.0] * 4, [3.25] * 4])
    p = calibration.set_p_values(value, null, draws=99, seed=0)
    assert p.tolist() == [1, 0.01]


def test_a_set_by_hand():
    """Of two words for two units, each draw gives 0 + 10 or 1 + 20 at even odds: means 5, 10.5."""
    null = np.array([[[0.0, 1.0], [20.0, 10.0]]])
    draws = 4999
    for value, expected in ((4.0, 1), (5.0, 1), (5.5, 0.5), (10.5, 0.5), (11.0, 1 / (draws + 1))):
        p = calibration.set_p_values(np.full((1, 2), value), null, draws=draws, seed=0)
        assert p[0] == pytest.approx(expected, abs=0.05 if expected == 0.5 else 1e-12)


def test_the_draws_follow_from_the_seed():
    rng = np.random.default_rng(0)
    value, null = rng.normal(size=(5, 3)), rng.normal(size=(5, 3, 20))
    first, again, other = (
        calibration.set_p_values(value, null, draws=99, seed=seed) for seed in (0, 0, 1)
    )
    assert (first == again).all()
    assert (first != other).any()
