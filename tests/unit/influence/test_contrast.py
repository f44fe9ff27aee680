"""Contrast by hand and its laws."""

import numpy as np
import pytest
from encoded_ensembles.codes import assignment, words
from encoded_ensembles.codes.families import Family
from encoded_ensembles.influence import calibration, contrast
from scipy import stats


def test_pulls_by_hand():
    """Two members at (1, 0) and (-1, 2), mean (0, 1); units at (0, 3), and at (2, 1) and (-2, 1)."""
    estimate = np.array([[[1.0, 0.0]], [[-1.0, 2.0]]])
    images = np.array([[2.0, 1.0], [0.0, 3.0], [-2.0, 1.0]])
    pull = contrast.pulls(estimate, images, np.array([1, 0, 1]))
    # Towards (0, 1): -1 and 1. Towards (1, 0) and (-1, 0): 1 and -1, -1 and 1, on average none.
    assert pull.tolist() == [[[-1.0, 1.0], [0.0, 0.0]]]


@pytest.mark.parametrize("held", [contrast.HELD, 15])  # 15: blocks of one or two images
def test_pulls_equal_a_loop(monkeypatch, held):
    monkeypatch.setattr(contrast, "HELD", held)
    rng = np.random.default_rng(0)
    estimate, images = rng.normal(size=(5, 3, 7)), rng.normal(size=(9, 7))
    unit_of = np.array([2, 0, 1, 0, 3, 3, 3, 1, 2])
    pull = contrast.pulls(estimate, images, unit_of)
    assert np.allclose(pull.sum(axis=2), 0, atol=1e-5)
    for b, centre in enumerate(estimate.mean(axis=0)):
        for unit in range(4):
            for m in range(5):
                each = [
                    (estimate[m, b] - centre) @ (x - centre) / np.linalg.norm(x - centre)
                    for x in images[unit_of == unit]
                ]
                assert pull[b, unit, m] == pytest.approx(np.mean(each), abs=1e-5)


def test_contrasts_by_hand():
    pull = np.array([[[4.0, 1.0, -2.0, -3.0]]])
    code = np.array([[1, 1, 0, 0]], bool)
    assert contrast.own_contrasts(pull, code).tolist() == [[2.5 + 2.5]]
    null = contrast.null_contrasts(pull, np.array([[1, 0, 0, 1], [1, 1, 0, 0]], bool))
    assert null.tolist() == [[[0.5 + 0.5, 5.0]]]


def test_null_words_treated_as_units_give_uniform_p_values():
    """Pulls of any kind: where the word was settled by chance, 5 % have p <= 0.05."""
    rng = np.random.default_rng(0)
    family = Family("random", 12, 6)
    every = words.unpack(words.unrank(np.arange(924), members=12, weight=6), members=12)
    p = []
    for _ in range(300):
        turn = rng.permutation(924)
        code, free = every[turn[:10]], every[turn[10:]]
        pull = rng.standard_t(2, size=(1, 10, 12))  # heavy tails, members of unequal kinds
        pull[:, :, 0] *= 5
        value = contrast.own_contrasts(pull, code)
        p.extend(calibration.p_and_z(value, contrast.null_contrasts(pull, free))[0].ravel())
        assert len(free) == len(assignment.free_words(code, family=family, limit=1000))
    assert 0.035 <= np.mean(np.array(p) <= 0.05) <= 0.065
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_levels_up_to_the_highest_count_and_count_alike():
    """Issue 14.28: contrast.levels itself is used; each level's pulls have a root mean square of 1."""
    rng = np.random.default_rng(0)
    images, unit_of = rng.normal(size=(4, 1, 2, 2)), np.array([0, 1, 1, 2])
    each = rng.normal(size=(3, 5, 2, 1, 2, 2))
    steps = list(
        zip(
            [600, 300, 0], each * np.array([1, 1, 50])[:, None, None, None, None, None], strict=True
        )
    )
    found = list(contrast.level_pulls(iter(steps), images, unit_of, highest=300))
    assert [level for level, _ in found] == [300, 0]
    for (_, pull), (_, estimate) in zip(found, steps[1:], strict=True):
        assert pull.shape == (2, 3, 5)
        assert np.sqrt(np.square(pull).mean()) == pytest.approx(1, abs=1e-5)
        plain = contrast.pulls(estimate.reshape(5, 2, 4), images.reshape(4, 4), unit_of)
        assert np.corrcoef(pull.ravel(), plain.ravel())[0, 1] == pytest.approx(1, abs=1e-5)
    level, nothing = next(
        contrast.level_pulls(iter([(0, np.zeros((5, 2, 1, 2, 2)))]), images, unit_of, highest=0)
    )
    assert (level, abs(nothing).max()) == (0, 0)


def test_weighed_contrasts_by_hand():
    pull = np.array([[4.0, 1.0, -2.0, 7.0]])
    words = np.array([[True, False, True, False]])
    weight = np.array([[1.0, 1.0, 3.0, 1.0], [0.0, 1.0, 0.0, 1.0]]).T
    found = contrast.weighed_contrasts(pull, words, weight)
    # (4 - 3 * 2) / 4 - (1 + 7) / 2; in the second, no member in the word has weight.
    assert found[0, 0] == pytest.approx(-0.5 - 4)
    assert np.isnan(found[0, 1])
