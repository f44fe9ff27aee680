"""Constant-weight codes: their laws, and their sizes beside the published tables."""

import numpy as np
import pytest
from encoded_ensembles.constant_weight import code_words
from hypothesis import given, settings
from hypothesis import strategies as st

# (n, d, w): the size reached, and A(n, d, w), or the best size known, of Brouwer's tables,
# https://www.win.tue.nl/~aeb/codes/Andw.html
SIZES = {
    (6, 4, 3): (4, 4),
    (7, 4, 3): (7, 7),
    (8, 4, 4): (14, 14),
    (9, 4, 4): (18, 18),
    (10, 4, 5): (36, 36),
    (11, 4, 5): (66, 66),
    (12, 4, 6): (132, 132),
    (13, 4, 6): (164, 166),
    (14, 4, 7): (316, 325),
    (8, 6, 4): (2, 2),
    (10, 6, 5): (6, 6),
    (11, 6, 5): (11, 11),
    (12, 6, 6): (22, 22),
    (13, 6, 6): (26, 26),
    (14, 6, 7): (42, 42),
}
SLOW_SIZES = {
    (16, 4, 8): (1122, 1170),
    (16, 6, 8): (120, 150),
    (16, 8, 8): (30, 30),
    (20, 4, 10): (13_034, 13_452),
    (24, 8, 8): (759, 759),
    (24, 8, 12): (2576, 2576),
}


def distances(words):
    apart = np.bitwise_count(words[:, None] ^ words)
    return apart[~np.eye(len(words), dtype=bool)]


def check_size(size, reached, known):
    members, distance, weight = size
    words = code_words(members=members, weight=weight, distance=distance)
    assert reached <= len(words) <= known
    assert (np.bitwise_count(words) == weight).all()
    assert distances(words[:3000]).min() >= distance


@pytest.mark.parametrize(("size", "found"), SIZES.items())
def test_sizes_near_the_tables(size, found):
    check_size(size, *found)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "found"), SLOW_SIZES.items())
def test_larger_sizes_near_the_tables(size, found):
    check_size(size, *found)


@settings(max_examples=60)
@given(st.integers(2, 11), st.data())
def test_words_keep_weight_and_distance(members, data):
    weight = data.draw(st.integers(1, members - 1))
    distance = 2 * data.draw(st.integers(2, 8))
    words = code_words(members=members, weight=weight, distance=distance)
    assert words.dtype == np.uint64
    assert len(words) >= 1
    assert (np.diff(words.astype(object)) > 0).all()  # ascending, so distinct
    assert (np.bitwise_count(words) == weight).all()
    assert len(words) == 1 or distances(words).min() >= distance


def test_the_same_words_each_time():
    first, again = (code_words(members=10, weight=4, distance=4) for _ in range(2))
    assert first.tolist() == again.tolist()


@pytest.mark.parametrize(("members", "weight"), [(40, 20), (64, 8)])
def test_too_many_words_to_list(members, weight):
    words = code_words(members=members, weight=weight, distance=8)
    assert len(words) > 100
    assert (np.bitwise_count(words) == weight).all()
    assert distances(words[:2000]).min() >= 8


@pytest.mark.parametrize(
    ("members", "weight", "distance"), [(6, 3, 2), (6, 3, 5), (6, 6, 4), (6, 0, 4), (65, 3, 4)]
)
def test_arguments_out_of_range(members, weight, distance):
    with pytest.raises(ValueError, match=f"no code of {members} members"):
        code_words(members=members, weight=weight, distance=distance)
