"""Calibration: p-values by hand."""

import numpy as np
import pytest
from encoded_ensembles.codes import words
from encoded_ensembles.influence import calibration, contrast
from scipy import stats


def test_equal_values_are_no_evidence():
    """Issue 14.28: null values that reach the value count, so p is 1 where all are equal."""
    same = np.ones((2, 3))
    assert calibration.set_p_values(same, np.ones((2, 3, 5)), draws=19, seed=0).tolist() == [1, 1]
    p, z = calibration.p_and_z(same, np.ones((2, 3, 5)))
    assert (p == 1).all()
    assert np.isnan(z).all()


def test_a_value_that_is_not_a_number_is_no_evidence():
    value, null = np.array([[np.nan, 9.0]]), np.arange(5.0)
    assert calibration.p_and_z(value, np.tile(null, (2, 1)))[0].tolist() == [[1, 1 / 6]]
    each = np.tile(null, (1, 2, 1))
    assert calibration.p_and_z(value, each)[0].tolist() == [[1, 1 / 6]]
    p, _ = calibration.staged_p_and_z(value[0], lambda rows, words: each[0, rows], null)
    assert p.tolist() == [1, 1 / 6]
    assert calibration.set_p_values(value, each, draws=9, seed=0).tolist() == [1]


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


def test_p_values_by_hand():
    distance = np.array([[0.5], [2.0], [9.0]])
    null = np.array([[1.0], [2.0], [3.0]])
    assert calibration.p_and_z(distance, null.T)[0].tolist() == [[1.0], [0.75], [0.25]]


def test_p_values_equal_a_loop_and_are_uniform_under_the_null():
    rng = np.random.default_rng(0)
    distance, null = rng.normal(size=(500, 4)), rng.normal(size=(99, 4))
    p = calibration.p_and_z(distance, null.T)[0]
    loop = [[(1 + (null[:, b] >= d).sum()) / 100 for b, d in enumerate(row)] for row in distance]
    assert p.tolist() == loop
    fresh = calibration.p_and_z(rng.normal(size=(1, 4000)), rng.normal(size=(99, 4000)).T)[0]
    assert stats.kstest(fresh.ravel(), "uniform").pvalue > 0.01


def test_z_values_by_hand():
    null = np.array([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
    z = calibration.p_and_z(np.array([[4.0, 9.0]]), null.T)[1]
    assert z[0, 0] == pytest.approx(2 / np.sqrt(2 / 3))
    assert np.isnan(z[0, 1])
    assert np.isnan(calibration.p_and_z(null, null[:0].T)[1]).all()


def test_a_shared_null_distribution_is_that_of_each_unit():
    rng = np.random.default_rng(1)
    value, null = (
        rng.integers(0, 9, (50, 3)).astype(float),
        rng.integers(0, 9, (3, 20)).astype(float),
    )
    each = np.broadcast_to(null, (50, 3, 20))
    p, z = calibration.p_and_z(value, null)
    own_p, own_z = calibration.p_and_z(value, each)
    assert p.tolist() == own_p.tolist()
    assert np.allclose(z, own_z)


def test_p_and_z_by_hand():
    null = np.array([[[1.0, 2.0, 3.0]]])
    p, z = calibration.p_and_z(np.array([[2.0]]), null)
    assert (p.item(), z.item()) == (0.75, 0.0)
    p, z = calibration.p_and_z(np.array([[4.0]]), null)
    assert (p.item(), z.item()) == (0.25, pytest.approx(2 / np.sqrt(2 / 3)))
    p, z = calibration.p_and_z(np.array([[4.0]]), null[..., :0])
    assert p.item() == 1
    assert np.isnan(z).item()


def test_sets_are_found_where_they_are_and_not_where_they_are_not():
    rng = np.random.default_rng(1)
    every = words.unpack(words.unrank(np.arange(924), members=12, weight=6), members=12)
    turn = rng.permutation(924)
    code, free = every[turn[:40]], every[turn[40:]]
    pull = rng.normal(size=(200, 40, 12))
    null = contrast.null_contrasts(pull, free).transpose(1, 0, 2)
    value = contrast.own_contrasts(pull, code).T
    nothing = calibration.set_p_values(value[:, :10], null[:, :10], draws=199, seed=0)
    assert stats.kstest(nothing, "uniform").pvalue > 0.01
    moved = pull + 0.55 * code
    value = contrast.own_contrasts(moved, code).T
    null = contrast.null_contrasts(moved, free).transpose(1, 0, 2)
    alone, _ = calibration.p_and_z(value, null)
    together = calibration.set_p_values(value[:, :10], null[:, :10], draws=199, seed=0)
    assert (together <= 0.05).mean() > 0.8 > 0.3 > (alone <= 0.05).mean()
    with pytest.raises(ValueError, match="a set has 10 units, but there are 9 words to draw from"):
        calibration.set_p_values(value[:, :10], null[:, :10, :9], draws=9, seed=0)
