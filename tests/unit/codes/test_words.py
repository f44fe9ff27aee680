"""Words as numbers and as text."""

import numpy as np
from encoded_ensembles.codes import words

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
