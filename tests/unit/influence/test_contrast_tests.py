"""Tests of contrasts against null code words."""

import numpy as np
from encoded_ensembles.codes import words
from encoded_ensembles.influence import contrast, contrast_tests


def test_the_null_of_a_set_leaves_out_the_words_that_stand_for_its_units():
    """Issue 14.28: else each null word would be compared with itself."""
    every = words.unpack(words.unrank(np.arange(6), members=4, weight=2), members=4)
    code, free = every[:1], every[[1, 2]]
    pull = np.zeros((1, 1, 4))
    pull[0, 0] = 2 * free[0] - free[1] + 0.0  # the first word has the larger contrast
    value = contrast.own_contrasts(pull, code)
    table = contrast_tests.test_sets(pull, value, free, np.zeros((1, 1), np.int64))
    assert table["units"].tolist() == [1]
    assert table["p_null"].tolist() == [1 / (contrast_tests.DRAWS + 1)]
    table = contrast_tests.test_sets(-pull, value, free, np.zeros((1, 1), np.int64))
    assert table["p_null"].tolist() == [1]


def test_units_tested_a_few_at_a_time_are_those_tested_at_once(monkeypatch):
    """And p is the share of null contrasts that are at least as large, the unit's own counted."""
    rng = np.random.default_rng(0)
    every = words.unpack(words.unrank(np.arange(20), members=6, weight=3), members=6)
    pull, code, free = rng.normal(size=(3, 5, 6)), every[:5], every[5:]
    value, p, z = contrast_tests.test_units(pull, code, free)
    null = contrast.null_contrasts(pull, free)
    assert np.array_equal(value, contrast.own_contrasts(pull, code))
    assert p[2, 1] == (1 + (null[2, 1] >= value[2, 1]).sum()) / 16
    monkeypatch.setattr(contrast_tests, "HELD", 1)
    parts = contrast_tests.test_units(pull, code, free)
    assert all(np.array_equal(a, b) for a, b in zip(parts, (value, p, z), strict=True))


def test_sets_need_twice_as_many_null_words_as_units():
    pull, order = np.zeros((2, 3, 4)), np.tile(np.arange(3), (2, 1))
    null_words = np.eye(4, dtype=bool)
    for count, sizes in ((1, []), (2, [1, 1]), (4, [1, 1])):
        table = contrast_tests.test_sets(pull, np.zeros((3, 2)), null_words[:count], order)
        assert table["units"].tolist() == sizes
        assert list(table) == ["sample", "units", "contrast", "p_value", "p_null"]
