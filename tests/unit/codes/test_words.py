"""Words as numbers and as text."""

import itertools
from math import comb

import numpy as np
from encoded_ensembles.codes import words
from hypothesis import given
from hypothesis import strategies as st

WORDS = np.array([[1, 0, 0], [0, 1, 1], [1, 1, 1]], bool)


def test_a_word_is_spelt_member_by_member():
    """Issue 14.28: member 0 comes first."""
    assert words.spell(WORDS) == ["100", "011", "111"]


def test_bit_m_is_member_m():
    assert words.pack(WORDS).tolist() == [1, 6, 7]
    assert words.unpack(np.array([1, 6, 7], np.uint64), members=3).tolist() == WORDS.tolist()


def test_hamming_by_hand():
    assert words.hamming(WORDS).tolist() == [[0, 3, 2], [3, 0, 1], [2, 1, 0]]


def test_ranks_count_words_in_ascending_order():
    packed = words.unrank(np.arange(6), members=4, weight=2)
    assert packed.tolist() == [0b0011, 0b0101, 0b0110, 0b1001, 0b1010, 0b1100]


def test_unranking_lists_every_word_once():
    packed = words.unrank(np.arange(20), members=6, weight=3)
    expected = sorted(sum(1 << m for m in chosen) for chosen in itertools.combinations(range(6), 3))
    assert packed.tolist() == expected
    large = words.unrank(np.array([comb(64, 32) - 1], np.uint64), members=64, weight=32)
    assert large[0] == np.uint64((2**32 - 1) << 32)


@given(st.integers(1, 64), st.integers(0, 2**64 - 1))
def test_packing_round_trips(members, value):
    packed = np.array([value % 2**members], np.uint64)
    assert words.pack(words.unpack(packed, members=members)) == packed
