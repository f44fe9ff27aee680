"""Grades of methods by held-out models, retraining and plants."""

import numpy as np
import pytest
from encoded_ensembles.grading import scoreboard
from encoded_ensembles.grading.agreement import within_samples


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
        {"right": right, "wrong": -right}, units, np.repeat(["near", "random"], 4), moved,
        nearest=np.array([3, 7, 1, 4, 8]),
    )  # fmt: skip
    value = {(each.method, each.grade): each.value for each in grades}
    for kind in ("within_samples", "within_units", "within_near", "within_random"):
        assert value["right", kind] == pytest.approx(1)
        assert value["wrong", kind] == pytest.approx(-1)
    assert (value["right", "auc"], value["wrong", "auc"]) == (1, 0)
    # Three samples' most alike unit was left out; of 8 units the first moves them more than 7 others, or none.
    assert (value["right", "near_first"], value["wrong", "near_first"]) == (1, 0)
    for kind, method, best in (
        ("auc", "right", 1),
        ("near_first", "right", 1),
        ("auc", "wrong", 0),
    ):
        drawn = draws[kind][method]  # whichever units a draw repeats
        assert (drawn[np.isfinite(drawn)] == best).all(), (kind, method)
    assert draws["near_first"]["right"].shape == (scoreboard.DRAWS,)
    rows = scoreboard.agreement(
        {"gain": {"right": np.ones(3), "wrong": np.zeros(3)}, **draws}, grades
    )
    assert rows == []  # two methods have no order to speak of


def test_draws_without_the_nearest_unit_of_a_sample_do_not_grade_it():
    """A method that names the unit which moves a sample most, and knows no other, is right in every draw."""
    nearest = np.array([2, 5, 0, 2])
    moved = np.random.default_rng(0).random((6, 4))
    moved[nearest, np.arange(4)] = 2
    scores = np.zeros((6, 4))
    scores[nearest, np.arange(4)] = 1
    _, draws = scoreboard.by_retraining(
        {"likeness": scores}, np.arange(6), np.repeat("near", 6), moved, nearest=nearest
    )
    drawn = draws["near_first"]["likeness"]
    assert (drawn[np.isfinite(drawn)] == 1).all()
    assert np.isfinite(drawn).mean() > 0.9


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


def test_a_pair_is_compared_on_the_same_draws():
    """What all methods have in common is not in the interval: here every difference is exactly 1."""
    shared = np.random.default_rng(0).normal(size=50)
    draws = {"auc": {"one": shared, "two": shared + 1}}
    grades = [scoreboard.Grade("one", "auc", 0, -2, 2), scoreboard.Grade("two", "auc", 1, -1, 3)]
    ((*names, difference, low, high),) = scoreboard.differences(draws, grades)
    assert names == ["auc", "two", "one"]
    assert (difference, low, high) == pytest.approx((1, 1, 1))


def test_agreement_leaves_out_what_is_worse_by_construction():
    names = ["a", "b", "c", "random", "pixels-50", "pixels-97"]
    draws = {kind: {name: np.arange(3.0) for name in names} for kind in ("gain", "auc")}
    grades = [
        scoreboard.Grade(name, kind, number, 0, 0)
        for kind in draws
        for number, name in enumerate(names)
    ]
    ((_, _, methods, *_),) = scoreboard.agreement(draws, grades)
    assert methods == 3


def test_damping_is_chosen_by_the_grade_on_the_other_half():
    """By hand: the first damping is right on even samples, the second on odd ones."""
    found = np.arange(12.0).reshape(3, 4)
    scores = np.stack([found, found])
    scores[0, :, 1::2] *= -1
    scores[1, :, 0::2] *= -1
    chosen = scoreboard.cross_fitted(scores, within_samples, found)
    # Even samples take what is best on odd ones, the second damping, and so they are wrong.
    assert within_samples(chosen, found) == pytest.approx(-1)
    always = np.stack([-found, found])
    assert within_samples(
        scoreboard.cross_fitted(always, within_samples, found), found
    ) == pytest.approx(1)
    assert scoreboard.cross_fitted(found, within_samples, found) is found
    alone = scoreboard.cross_fitted(always[..., :1], within_samples, found[:, :1])
    assert within_samples(alone, found[:, :1]) == pytest.approx(-1)  # no other half to choose on
