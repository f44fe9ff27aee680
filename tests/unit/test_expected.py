"""Exposure-calibrated attribution: facts by hand, noise by enumeration, and what it learns."""

from itertools import combinations

import numpy as np
import pytest
from encoded_ensembles import expected


def test_likeness_by_hand():
    distance = np.array([[2.0, 1.0], [4.0, 0.0]])
    facts = expected.likeness(distance, "pixels")
    assert facts["pixels closeness"].tolist() == [[-0.5, -1], [-1, 0]]
    assert np.allclose(facts["pixels order"], [[0, -np.log(2)], [-np.log(2), 0]])
    for name, each in facts.items():
        if "share" in name:
            assert np.allclose(np.exp(each).sum(axis=0), 1)
            assert each[0, 0] > each[1, 0]


def test_variances_equal_those_over_all_words():
    rng = np.random.default_rng(0)
    pull = rng.normal(size=(2, 3, 7))
    words = np.zeros((3, 7), bool)
    words[:, :3] = True
    found = expected.variances(pull, words)
    for b in range(2):
        for u in range(3):
            each = [
                pull[b, u, list(inside)].mean() - np.delete(pull[b, u], inside).mean()
                for inside in combinations(range(7), 3)
            ]
            assert found[u, b] == pytest.approx(np.var(each))
    assert np.isnan(expected.variances(pull, np.ones((3, 7), bool))).all()


def learnable(*, units=150, samples=20, noise=1.0, seed=0):
    """Return facts, true influence and noisy contrasts (U, B)."""
    rng = np.random.default_rng(seed)
    fact = rng.normal(size=(units, samples, 3)).astype(np.float32)
    true = np.maximum(fact[..., 0], 0) + 0.3 * rng.normal(size=(units, samples))
    facts = expected.Facts(fact, ["one", "two", "three"], np.array([1, 1, 0]))
    return facts, true, true + noise * rng.normal(size=true.shape)


@pytest.mark.parametrize("kind", expected.KINDS)
def test_the_prior_is_what_is_found_on_average(kind):
    facts, true, contrast = learnable()
    prior = expected.predict_prior(facts, contrast, np.ones(20), kind=kind, seed=0)
    assert np.corrcoef(prior.ravel(), true.ravel())[0, 1] > 0.7
    for part in np.array_split(np.argsort(prior, axis=None), 5):
        assert prior.ravel()[part].mean() == pytest.approx(true.ravel()[part].mean(), abs=0.15)


@pytest.mark.parametrize("kind", expected.KINDS)
def test_a_sample_learns_nothing_from_itself(kind):
    """What is expected for the samples of a fold stays when their contrasts change."""
    facts, _, contrast = learnable(units=60, samples=10)
    before = expected.predict_prior(facts, contrast, np.ones(10), kind=kind, seed=0)
    for sample in (0, 7):
        altered = contrast.copy()
        altered[:, sample] = np.nan
        after = expected.predict_prior(facts, altered, np.ones(10), kind=kind, seed=0)
        assert (after[:, sample] == before[:, sample]).all()


def test_what_is_expected_grows_with_the_strength_of_a_sample():
    facts, _, contrast = learnable(units=60, samples=10)
    scale = np.linspace(1, 3, 10)
    plain = expected.predict_prior(facts, contrast, np.ones(10), kind="linear", seed=0)
    grown = expected.predict_prior(facts, contrast * scale, scale, kind="linear", seed=0)
    assert np.allclose(grown, plain * scale)


def test_unknown_contrasts_are_passed_over():
    facts, _, contrast = learnable(units=60, samples=10)
    contrast[::3] = np.nan
    prior = expected.predict_prior(facts, contrast, np.ones(10), kind="isotonic", seed=0)
    found = expected.combine(prior, contrast, np.ones(contrast.shape))
    assert np.isfinite(found.mean).all()
    assert (found.mean[::3] == prior[::3]).all()


def test_own_contrasts_help_and_intervals_hold_the_truth():
    facts, true, contrast = learnable(units=400, noise=0.5)
    prior = expected.predict_prior(facts, contrast, np.ones(20), kind="isotonic", seed=0)
    found = expected.combine(prior, contrast, np.full(contrast.shape, 0.25))
    error = [np.square(each - true).mean() for each in (contrast, prior, found.mean)]
    assert error[2] < error[0]
    assert error[2] < error[1]
    assert 0.92 < (abs(found.mean - true) <= 1.96 * found.spread).mean() < 0.98


def test_noise_without_influence_is_shrunk_away():
    rng = np.random.default_rng(0)
    contrast = rng.normal(size=(200, 20))
    found = expected.combine(np.zeros((200, 20)), contrast, np.ones((200, 20)))
    assert np.square(found.mean).mean() < 0.02


def test_weighing_by_hand():
    """Issue 14.28: contrasts of +-sqrt(2) with noise 1 leave a true variance of 1, half of what is seen."""
    contrast = np.array([[np.sqrt(2), -np.sqrt(2)]] * 4)
    found = expected.combine(np.zeros((4, 2)), contrast, np.ones((4, 2)))
    assert np.allclose(found.mean, contrast / 2)
    assert np.allclose(found.spread, np.sqrt(0.5))
    contrast[0] = np.nan  # unknown: what is expected is the prior, as uncertain as it is
    found = expected.combine(np.zeros((4, 2)), contrast, np.ones((4, 2)))
    assert found.mean[0].tolist() == [0, 0]
    assert np.allclose(found.spread[0], 1)
