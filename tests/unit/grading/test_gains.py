"""Gain curves by hand and their laws; agreement with truth by hand and against SciPy."""

import numpy as np
import pytest
from encoded_ensembles.grading import agreement, gains, scoreboard
from encoded_ensembles.influence import contrast as contrast_
from scipy import stats
from sklearn.metrics import roc_auc_score


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


def test_weighed_contrasts_by_hand():
    pull = np.array([[4.0, 1.0, -2.0, 7.0]])
    words = np.array([[True, False, True, False]])
    weight = np.array([[1.0, 1.0, 3.0, 1.0], [0.0, 1.0, 0.0, 1.0]]).T
    found = contrast_.weighed_contrasts(pull, words, weight)
    # (4 - 3 * 2) / 4 - (1 + 7) / 2; in the second, no member in the word has weight.
    assert found[0, 0] == pytest.approx(-0.5 - 4)
    assert np.isnan(found[0, 1])


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


def test_spearman_equals_scipys():
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 5, size=(2, 9, 4)).astype(float)
    found = agreement.spearman(first, second)
    for b in range(4):
        assert found[b] == pytest.approx(stats.spearmanr(first[:, b], second[:, b]).statistic)
    assert np.isnan(agreement.spearman(np.ones((5, 1)), first[:5, :1])).all()


def test_agreement_within_samples_and_within_units_by_hand():
    """Each sample orders its units rightly; over the samples of a unit the order is turned round."""
    moved = np.array([[1.0, 3.0], [2.0, 5.0]])
    scores = np.array([[1.0, 0.0], [2.0, 0.5]])
    assert agreement.within_samples(scores, moved) == pytest.approx(1)
    assert agreement.within_units(scores, moved) == pytest.approx(-1)


def test_auc_equals_scikit_learns():
    rng = np.random.default_rng(0)
    scores, moved = rng.integers(0, 6, size=(2, 30, 5)).astype(float)
    moved += rng.normal(size=moved.shape) * 1e-3
    each = [roc_auc_score(moved[:, b] >= np.sort(moved[:, b])[-3], scores[:, b]) for b in range(5)]
    assert agreement.top_auc(scores, moved) == pytest.approx(np.mean(each))


def test_linear_datamodels_get_a_perfect_score():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(12, 4))
    held = rng.random((20, 12)) < 0.5
    loss = np.exp(-(held @ scores))
    grades, draws = scoreboard.by_models(
        {"right": scores, "random": rng.normal(size=(12, 4))}, held, {"lds_loss": -loss}
    )
    right, random = grades
    assert (right.method, right.grade) == ("right", "lds_loss")
    assert right.value == pytest.approx(1)
    assert right.low == pytest.approx(1)
    assert random.value < 0.5
    assert draws["lds_loss"]["right"].shape == (scoreboard.DRAWS,)


def test_grades_by_retraining_find_the_method_that_is_right():
    rng = np.random.default_rng(0)
    moved = rng.random((8, 5))
    units = np.array([3, 1, 4, 0, 9, 2, 6, 5])
    right = rng.random((10, 5))
    right[units] = moved
    grades, draws = scoreboard.by_retraining(
        {"right": right, "wrong": -right}, units, np.repeat(["near", "random"], 4), moved
    )
    value = {(each.method, each.grade): each.value for each in grades}
    for kind in ("within_samples", "within_units", "within_near", "within_random"):
        assert value["right", kind] == pytest.approx(1)
        assert value["wrong", kind] == pytest.approx(-1)
    assert (value["right", "auc"], value["wrong", "auc"]) == (1, 0)
    rows = scoreboard.agreement(
        {"gain": {"right": np.ones(3), "wrong": np.zeros(3)}, **draws}, grades
    )
    assert rows == []  # two methods have no order to speak of


def test_grades_by_plants_by_hand():
    scores = np.zeros((30, 3))
    scores[7], scores[2, 1] = 1, 2
    plants = {"mark": (np.array([True, True, False]), np.array([7]))}
    top, recall, wrong = scoreboard.by_plants({"one": scores}, plants)
    assert (top.value, recall.value, wrong.value) == (0.5, 1, 1)
    assert top.low < 0.5 < top.high
    found, elsewhere = scoreboard.attributed_plants({"one": scores > 1.5}, plants)
    assert (found.value, elsewhere.value) == (0, 0)
    found, elsewhere = scoreboard.attributed_plants({"one": scores == 1}, plants)
    assert (found.grade, found.value) == ("planted_found", 1)
    assert (elsewhere.grade, elsewhere.value) == ("planted_wrong", 1)
    nowhere = {"mark": (np.zeros(3, bool), np.array([7]))}
    assert [each.grade for each in scoreboard.by_plants({"one": scores}, nowhere)] == [
        "planted_false"
    ]


def test_agreement_of_two_grades():
    rng = np.random.default_rng(0)
    names = ["a", "b", "c", "d"]
    draws = {
        kind: {name: i + 0.1 * rng.normal(size=50) for i, name in enumerate(names)}
        for kind in ("gain", "auc")
    }
    grades = [
        scoreboard.Grade(name, kind, i, 0, 0) for kind in draws for i, name in enumerate(names)
    ]
    ((first, second, methods, tau, low, high),) = scoreboard.agreement(draws, grades)
    assert (first, second, methods, tau) == ("gain", "auc", 4, 1)
    assert 0.6 < low <= high <= 1


def test_every_other_sample_grades():
    """Issue 14.28: choices are made on samples 0, 2, ..., so these must not grade."""
    assert gains.graded_samples(4).tolist() == [False, True, False, True]
    assert gains.graded_samples(1).tolist() == [True]


def test_bootstrap_draws_are_of_their_own_and_as_spread_as_means_are():
    """Issue 14.28: the mean of 50 values of spread 1 has a spread of 1 / sqrt(50)."""
    values = np.random.default_rng(0).normal(size=50)
    values = (values - values.mean()) / values.std()

    def mean(rows, columns):
        return values[rows].mean() + columns.mean()

    found = agreement.bootstrap(mean, (50, 1), draws=400, seed=0)
    assert len(set(found)) == 400
    assert found.std() == pytest.approx(1 / np.sqrt(50), rel=0.2)
    assert np.array_equal(agreement.bootstrap(mean, (50, 1), draws=5, seed=0), found[:5])
    assert not np.isin(agreement.bootstrap(mean, (50, 1), draws=5, seed=1), found).any()
    spread = agreement.bootstrap(
        lambda rows, columns: columns.mean(), (1, 50), draws=50, seed=0
    ).std()
    assert spread == pytest.approx(np.arange(50).std() / np.sqrt(50), rel=0.4)


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
