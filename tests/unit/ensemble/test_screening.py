"""Laws of screening: what is known is kept, what is smooth is found, and it costs what it says."""

import numpy as np
import pytest
from encoded_ensembles.codes import masks
from encoded_ensembles.config.check import check_config
from encoded_ensembles.ensemble import screening
from encoded_ensembles.storage.files import InputError

MEMBERS, WEIGHT, NULL = 10, 5, 30


@pytest.fixture(scope="module")
def landscape():
    """Words of 200 units and 30 null words, and a displacement that is smooth in the word."""
    rng = np.random.default_rng(0)
    words = masks.sized_keep(members=MEMBERS, sizes=[WEIGHT], repeats=200 + NULL, seed=0)
    linear = rng.standard_normal((MEMBERS, 6))
    pairs = rng.standard_normal((MEMBERS, MEMBERS, 6)) / 8

    def displacement(these):
        x = these.astype(float)
        return x @ linear + np.einsum("um,un,mnf->uf", x, x, pairs)

    return words[:200], words[200:], displacement


def search(landscape, **aim):
    code, null, displacement = landscape
    known = screening.known_words(null)
    moved = displacement(known)
    moved[0] = 0
    aims = screening.Aim(**{"top": 10, "missed": 0.5, "most": 60} | aim)
    return screening.Search(moved, code=code, null_words=null, wanted=np.array([7, 3]), aim=aims)


def test_known_words_are_none_each_member_and_null_words():
    known = screening.known_words(np.array([[1, 1, 0]], bool))
    assert known.astype(int).tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]]


def test_kernel_by_hand():
    one, other = np.array([[1, 1, 0, 0]], bool), np.array([[1, 0, 1, 0], [1, 1, 0, 0]], bool)
    found = screening.kernel(one, other, length=1.0, linear=2.0)
    assert np.allclose(found, [[2 * 1 / 4 + np.exp(-1), 2 * 2 / 4 + 1]])


def test_interpolation_passes_through_what_is_known(landscape):
    _, null, displacement = landscape
    known = screening.known_words(null)
    moved = displacement(known)
    found = screening.interpolate(known, known, moved, first=1)
    assert np.allclose(found.distance, np.linalg.norm(moved, axis=1), rtol=0.02, atol=0.1)
    assert len(found.errors) == len(known) - 1


def test_leave_one_out_errors_are_those_of_leaving_one_out(landscape, monkeypatch):
    code, null, displacement = landscape
    monkeypatch.setattr(screening, "LENGTHS", (2.0,))
    monkeypatch.setattr(screening, "LINEAR", (1.0,))
    known, moved = null, displacement(null)
    errors = screening.interpolate(code[:1], known, moved, first=0).errors
    for row in (0, 13):
        rest = np.arange(NULL) != row
        alone = screening.interpolate(known[row : row + 1], known[rest], moved[rest], first=0)
        wrong = np.linalg.norm(moved[row]) - alone.distance[0]
        assert np.isclose(errors[row], wrong / alone.spread[0])


def test_spread_is_small_at_known_words_and_large_far_from_them():
    known = np.array([[1, 1, 0, 0, 0, 0], [1, 0, 1, 0, 0, 0], [0, 1, 1, 0, 0, 0]], bool)
    words = np.array([[1, 1, 0, 0, 0, 0], [0, 0, 0, 1, 1, 0]], bool)
    spread = screening.interpolate(words, known, np.eye(3), first=0).spread
    assert spread[0] < 0.1 < 0.5 < spread[1]


def test_expected_missed_by_hand():
    errors = np.array([-1.0, 1.0])  # spread 1, smoothed by 1.06 / 2 ** 0.2
    assert np.isclose(screening.expected_missed(np.array([0.0]), errors), 0.5)
    assert screening.expected_missed(np.array([-100.0, -100.0]), errors) == 2
    assert screening.expected_missed(np.array([100.0, 100.0]), errors) == 0
    found = screening.Prediction(np.array([4.0, 6.0]), np.array([0.5, 2.0]), errors + 0.5)
    assert found.short(5.0).tolist() == [2.0, -0.5]
    assert found.expected().tolist() == [4.25, 7.0]


def test_the_largest_are_found_from_few_ablations_and_told_apart(landscape):
    code, _, displacement = landscape
    searches = [
        search(landscape),
        search(landscape, top=3, missed=0.05),
        search(landscape, most=12),
    ]
    calls = []

    def ablate(units, samples):
        calls.append(len(units))
        return displacement(code[units])

    screening.screen(searches, ablate)
    truth = np.argsort(-np.linalg.norm(displacement(code), axis=1))
    first, second, third = searches
    assert set(truth[:10]) <= set(first.done)
    assert len(set(truth[:3]) & set(second.done)) >= 2
    assert first.missed <= 0.5
    assert len(second.done) <= len(first.done) < 60
    assert len(third.done) == 12
    assert sum(calls) == sum(len(each.done) for each in searches)
    for each in searches:
        assert {7, 3} <= set(each.done)
        assert len(set(each.done)) == len(each.done)
    wrong = first.predicted - np.linalg.norm(displacement(code), axis=1)
    assert (
        np.sqrt(np.square(wrong).mean()) < 0.25 * np.linalg.norm(displacement(code), axis=1).std()
    )


def test_a_stricter_aim_ablates_more(landscape):
    code, _, displacement = landscape
    rng = np.random.default_rng(1)
    noise = {bytes(word): rng.standard_normal(6) for word in code}
    counts = []
    for missed in (2.0, 0.2):
        each = search(landscape, missed=missed, most=200)
        screening.screen(
            [each],
            lambda units, _: (
                displacement(code[units]) + np.array([noise[bytes(word)] for word in code[units]])
            ),
        )
        counts.append(len(each.done))
    assert counts[0] < counts[1]


@pytest.mark.parametrize(
    ("budget", "least", "expected"),
    [(0.15, 20, 53), (0.05, 1, 3), (0.05, 20, 20), (1, 20, 478), (1, 600, 500)],
)
def test_budget_in_units(budget, least, expected):
    """500 units x 6 kept are 3000 evaluations; dropping each of 12 members costs 132 of them."""
    found = screening.most_units(units=500, members=12, weight=6, budget=budget, least=least)
    assert found == expected


def test_too_few_null_words_are_refused(schema):
    config = {"landscape": {"mode": "screened"}, "code": {"null_words": 19}}
    with pytest.raises(InputError, match="expected at least 20 with"):
        check_config(config, schema)
