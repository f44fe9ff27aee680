"""Properties of a code by hand."""

from math import comb

import numpy as np
import pytest
from encoded_ensembles.codes import encode, properties
from encoded_ensembles.codes.families import Family

NAMES = [f"image/{i:05d}" for i in range(3000)]


def test_properties_by_hand():
    code = np.array([[1, 1, 0, 0], [1, 0, 1, 0], [0, 0, 1, 1]], bool)
    facts = properties.properties(code, np.zeros((2, 4), bool))
    assert facts["column_sums"] == [2, 1, 2, 1]
    assert facts["column_spread"] == 1
    assert facts["hamming_pairs"] == [0, 0, 2, 0, 1]
    assert (facts["hamming_min"], facts["hamming_mean"]) == (2, pytest.approx(8 / 3))
    assert (facts["distinct_rows"], facts["members_kept_min"], facts["null_words"]) == (3, 2, 2)
    one, two, three = facts["members_left_of_sets"]
    assert (one["probability"], one["members"]) == (1, 2)
    # {0, 1} leaves member 3, {1, 2} member 1, {0, 2} none.
    assert two["probability"] == pytest.approx(2 / 3, abs=0.03)
    assert three == {"units": 3, "probability": 0, "members": 0}


def test_members_left_of_sets_agree_with_the_hypergeometric_mean():
    code, _, _ = encode.encode(NAMES[:200], Family("random", 12, 3), null_words=0, seed=0)
    columns = code.sum(axis=0)
    for row in properties.members_left(code):
        k = row["units"]
        exact = sum(comb(200 - int(c), k) / comb(200, k) for c in columns)
        assert row["members"] == pytest.approx(exact, abs=0.06)
