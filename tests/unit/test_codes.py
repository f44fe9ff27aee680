"""Laws and hand-computed numbers of codes."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
from encoded_ensembles import codes
from encoded_ensembles.files import InputError
from hypothesis import given
from hypothesis import strategies as st


@st.composite
def sizes(draw):
    members = draw(st.integers(2, 20))
    weight = draw(st.integers(1, members - 1))
    count = draw(st.integers(1, min(300, comb(members, weight))))
    return members, weight, count


@given(sizes(), st.integers(0, 2**32))
def test_words_are_distinct_and_of_exact_weight(size, seed):
    members, weight, count = size
    words = codes.random_words(
        members=members, weight=weight, count=count, rng=np.random.default_rng(seed)
    )
    assert words.shape == (count, members)
    assert (words.sum(axis=1) == weight).all()
    assert len(np.unique(words, axis=0)) == count


def test_all_words_come_out_when_all_are_asked_for():
    words = codes.random_words(members=6, weight=3, count=20, rng=np.random.default_rng(0))
    found = {tuple(np.flatnonzero(word)) for word in words}
    assert found == set(combinations(range(6), 3))


def test_words_of_64_members():
    words = codes.random_words(members=64, weight=32, count=1000, rng=np.random.default_rng(0))
    assert (words.sum(axis=1) == 32).all()
    assert abs(words.mean(axis=0) - 0.5).max() < 0.1


@pytest.mark.parametrize(
    ("members", "weight", "count"), [(4, 0, 1), (4, 4, 1), (65, 3, 1), (4, 2, 7)]
)
def test_words_out_of_range_are_refused(members, weight, count):
    with pytest.raises(ValueError, match=r"no .* words"):
        codes.random_words(members=members, weight=weight, count=count, rng=np.random.default_rng())


def test_code_and_null_words_do_not_overlap_and_follow_from_the_seed():
    code, null = codes.encode(units=12, members=6, weight=3, null_words=8, seed=3)
    both = np.concatenate([code, null])
    assert len(np.unique(both, axis=0)) == 20
    again = codes.encode(units=12, members=6, weight=3, null_words=8, seed=3)
    assert all(np.array_equal(a, b) for a, b in zip((code, null), again, strict=True))
    assert not np.array_equal(
        code, codes.encode(units=12, members=6, weight=3, null_words=8, seed=4)[0]
    )


def test_ablating_a_unit_leaves_a_member_that_saw_any_other_unit():
    code, _ = codes.encode(units=70, members=8, weight=4, null_words=0, seed=0)
    keep = codes.ablation_keep(code)
    assert not (keep & code).any(axis=1).any()  # nothing kept saw the unit
    seen = keep.astype(int) @ code.T.astype(int)  # (ablated, other): kept members that saw other
    assert (seen[~np.eye(70, dtype=bool)] > 0).all()


def test_infeasible_code_names_members_that_would_do():
    with pytest.raises(
        InputError, match=r"only 20 code words .* code.members: 8 with weight 4 would do"
    ):
        codes.check_capacity(members=6, weight=3, units=40, null_words=10)


def test_odd_members_need_a_weight():
    with pytest.raises(InputError, match=r"code.members is 9, expected an even number"):
        codes.default_weight(9)


def test_a_member_without_units_is_refused():
    with pytest.raises(InputError, match=r"1 units on 4 members leave member"):
        codes.encode(units=1, members=4, weight=2, null_words=1, seed=0)


def test_properties_by_hand():
    code = np.array([[1, 1, 0, 0], [1, 0, 1, 0], [0, 0, 1, 1]], bool)
    facts = codes.properties(code, np.zeros((2, 4), bool))
    assert facts["column_sums"] == [2, 1, 2, 1]
    assert facts["hamming_pairs"] == [0, 0, 2, 0, 1]
    assert (facts["hamming_min"], facts["hamming_mean"]) == (2, pytest.approx(8 / 3))
    assert (facts["distinct_rows"], facts["members_kept_min"], facts["null_words"]) == (3, 2, 2)


def test_sized_keep():
    keep = codes.sized_keep(members=5, sizes=[1, 3, 5], repeats=7, seed=0)
    assert keep.sum(axis=1).tolist() == [1] * 5 + [3] * 7 + [5]
    assert len(np.unique(keep, axis=0)) == 13


def test_kept_sizes():
    assert codes.kept_sizes(members=10, weight=5, wanted=None) == [1, 2, 3, 5, 8, 10]
    assert codes.kept_sizes(members=4, weight=1, wanted=[2]) == [1, 2, 3, 4]
    assert codes.kept_sizes(members=2, weight=1, wanted=None) == [1, 2]
