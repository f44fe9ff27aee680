"""Gain curves by hand and their laws."""

import numpy as np
import pytest
from encoded_ensembles.grading import gains


def simulated(*, samples=6, units=40, members=10, effect=0.0, seed=0):
    """Return pulls (B, U, n) and words (U, n): members that saw a unit pull by effect[u] more."""
    rng = np.random.default_rng(seed)
    words = np.stack([rng.permutation(members) < members // 2 for _ in range(units)])
    pull = rng.normal(size=(samples, units, members))
    return pull + words * np.broadcast_to(effect, units)[:, None], words


def test_member_folds_are_halves():
    assert sorted(gains.member_folds(9, seed=1).tolist()) == [0] * 5 + [1] * 4
    assert (gains.member_folds(9, seed=1) == gains.member_folds(9, seed=1)).all()
    assert (gains.member_folds(30, seed=1) != gains.member_folds(30, seed=2)).any()


def test_gain_curves_by_hand():
    contrast = np.array([[3.0, np.nan, 1.0], [np.nan, 2.0, 2.0]])[..., None]
    found = gains.gain_curves(contrast)[..., 0]
    assert found[0].tolist() == [3, 3, 2]
    assert np.isnan(found[1, 0])
    assert found[1, 1:].tolist() == [2, 2]


def test_gains_equal_a_loop():
    pull, words = simulated(effect=1.0)
    folds = gains.member_folds(10, seed=0)
    rng = np.random.default_rng(1)
    orders = tuple(gains.order_units(rng.normal(size=(40, 6))) for _ in range(2))
    found = gains.gains(pull, words, orders, folds=folds, draws=0, seed=0).curve
    for k in (1, 7, 40):
        total = []
        for fold, order in enumerate(orders):
            here = folds == fold
            for b, units in enumerate(order):
                each = [
                    pull[b, u, here & words[u]].mean() - pull[b, u, here & ~words[u]].mean()
                    for u in units[:k]
                    if 0 < words[u, here].sum() < here.sum()
                ]
                total.append(np.mean(each))
        assert found[k - 1] == pytest.approx(np.mean(total))


def test_gains_do_not_depend_on_how_many_draws_are_held(monkeypatch):
    pull, words = simulated()
    options = {"folds": gains.member_folds(10, seed=0), "draws": 9, "seed": 3}
    orders = gains.best_orders(pull, words, options["folds"])
    whole = gains.gains(pull, words, orders, **options)
    monkeypatch.setattr(gains, "HELD", 1)
    parts = gains.gains(pull, words, orders, **options)
    assert np.allclose(whole.bootstrap, parts.bootstrap, rtol=1e-12, atol=1e-14)
    assert whole.bootstrap.shape == (9, 40)


def test_a_method_that_names_what_matters_gains_and_no_method_does_under_shuffled_words():
    effect = np.where(np.arange(40) < 5, 2.0, 0.0)
    pull, words = simulated(samples=12, members=16, effect=effect)
    folds = gains.member_folds(16, seed=0)
    scores = np.repeat(effect[:, None], 12, axis=1)
    orders = (gains.order_units(scores),) * 2
    found = gains.gains(pull, words, orders, folds=folds, draws=200, seed=0)
    assert found.curve[4] == pytest.approx(2.0, abs=0.4)
    assert gains.interval(gains.area(found.bootstrap))[0] > 0.5
    # Words that are nobody's business: the interval lies above zero as often as chance has it.
    above = []
    for seed in range(100):
        nothing, words = simulated(samples=12, members=16, seed=seed + 10)
        found = gains.gains(nothing, words, orders, folds=folds, draws=100, seed=0)
        above.append(gains.interval(gains.area(found.bootstrap))[0] > 0)
    assert np.mean(above) <= 0.08


def test_shuffled_words_are_distinct_and_of_the_same_weight():
    _, words = simulated(units=20)
    code, free = np.unique(words, axis=0)[:10], np.unique(words, axis=0)[10:]
    found = gains.shuffle_words(code, free, seed=0)
    assert found.shape == code.shape
    assert len(np.unique(found, axis=0)) == len(code)
    assert (found.sum(axis=1) == 5).all()


def test_area_by_hand():
    assert gains.area(np.array([3.0, 1.0])) == pytest.approx((3 + 1 / 2) / 1.5)
    assert gains.area(np.array([np.nan, 1.0])) == 1


def test_every_other_sample_grades():
    """Issue 14.28: choices are made on samples 0, 2, ..., so these must not grade."""
    assert gains.graded_samples(4).tolist() == [False, True, False, True]
    assert gains.graded_samples(1).tolist() == [True]


def test_the_bootstrap_is_over_members_and_over_samples():
    """Issue 14.28: of one sample only the members can make it vary, of equal members only the samples."""
    pull, words = simulated(samples=5, units=6, members=12)
    folds = gains.member_folds(12, seed=0)

    def spread(pull):
        orders = (gains.order_units(np.zeros((6, len(pull)))),) * 2
        options = {"folds": folds, "draws": 50, "seed": 0}
        found = gains.gains(pull, words, orders, **options)
        assert found.curve == pytest.approx(gains.gains(pull, words, orders, **options).curve)
        return found.bootstrap.std(axis=0)

    assert (spread(pull[:1]) > 0.01).all()
    equal = (
        words[None] * np.arange(1.0, 6)[:, None, None]
    )  # a contrast of 1, 2, ... whoever is asked
    assert (spread(equal) > 0.01).all()
    assert (spread(equal[:1]) < 1e-12).all()
