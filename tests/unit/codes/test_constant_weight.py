"""Codes of constant weight: their laws, and their sizes against the published tables."""

from functools import cache
from unittest import mock

import numpy as np
import pytest
from encoded_ensembles.codes import constant_weight
from encoded_ensembles.codes.constant_weight import code_words
from hypothesis import given, settings
from hypothesis import strategies as st

# Largest codes known (Brouwer's tables, https://www.win.tue.nl/~aeb/codes/Andw.html, August 2026)
# and the part of them that is reached
PROVEN = {
    (6, 4, 3): (4, 1),
    (7, 4, 3): (7, 1),
    (8, 4, 4): (14, 1),
    (9, 4, 4): (18, 1),
    (10, 4, 5): (36, 1),
    (11, 4, 4): (35, 1),
    (11, 4, 5): (66, 1),
    (12, 4, 5): (80, 0.97),
    (12, 4, 6): (132, 1),
    (13, 4, 4): (65, 1),
    (8, 6, 4): (2, 1),
    (10, 6, 5): (6, 1),
    (11, 6, 5): (11, 1),
    (12, 6, 6): (22, 1),
    (13, 6, 6): (26, 1),
    (14, 6, 7): (42, 1),
    (12, 8, 6): (4, 1),
    (16, 8, 8): (30, 1),
}
OPEN = {
    (13, 4, 5): (123, 1),
    (13, 4, 6): (166, 0.98),
    (14, 4, 7): (325, 0.97),
}
SLOW = {
    (15, 4, 5): (242, 1),
    (16, 4, 7): (836, 1),
    (16, 4, 8): (1170, 0.95),
    (16, 6, 7): (109, 0.91),
    (16, 6, 8): (120, 1),
    (20, 4, 10): (13452, 0.96),
    (20, 6, 10): (944, 0.7),
    (20, 8, 10): (176, 1),
    (24, 6, 12): (5616, 0.95),
    (24, 8, 8): (759, 1),
    (24, 8, 12): (2576, 1),
}


@cache
def johnson_bound(n, d, w):
    w = min(w, n - w)
    if 2 * w < d:
        return 1
    with_member = n * johnson_bound(n - 1, d, w - 1) // w
    without = n * johnson_bound(n - 1, d, w) // (n - w)
    return min(with_member, without)


def check_code(words, *, n, w, d):
    assert words.dtype == np.uint64
    assert words.ndim == 1
    assert len(words) >= 1
    assert (words[1:] > words[:-1]).all()
    assert int(words[-1]) < 2**n
    assert (np.bitwise_count(words) == w).all()
    for index in np.linspace(0, len(words) - 1, min(len(words), 2000), dtype=int):
        apart = np.bitwise_count(words ^ words[index])
        assert np.count_nonzero(apart < d) == 1  # the word itself


@st.composite
def parameters(draw):
    n = draw(st.integers(2, 12))
    return n, draw(st.integers(1, n - 1)), 2 * draw(st.integers(2, n // 2 + 1))


@given(parameters())
@settings(deadline=None, max_examples=50)
def test_words_are_distinct_far_apart_and_always_the_same(nwd):
    n, w, d = nwd
    with mock.patch.object(constant_weight, "MOVES", 100):
        words = code_words(members=n, weight=w, distance=d)
        again = code_words(members=n, weight=w, distance=d)
        other = code_words(members=n, weight=n - w, distance=d)
    check_code(words, n=n, w=w, d=d)
    assert len(words) <= johnson_bound(n, d, w)
    np.testing.assert_array_equal(words, again)
    if 2 * w != n:
        np.testing.assert_array_equal(other, np.sort(words ^ np.uint64(2**n - 1)))


@pytest.mark.parametrize(
    ("n", "d", "w"),
    [
        *PROVEN,
        *OPEN,
        *(pytest.param(*parameters, marks=pytest.mark.slow) for parameters in SLOW),
    ],
)
def test_sizes_are_near_those_of_the_tables(n, d, w):
    words = code_words(members=n, weight=w, distance=d)
    check_code(words, n=n, w=w, d=d)
    table, part = (PROVEN | OPEN | SLOW)[n, d, w]
    assert len(words) >= part * table
    assert len(words) <= (table if (n, d, w) in PROVEN else johnson_bound(n, d, w))


def test_seven_words_are_the_lines_of_the_fano_plane():
    words = code_words(members=7, weight=3, distance=4)
    lines = [{m for m in range(7) if int(word) >> m & 1} for word in words]
    assert all(len(a & b) == 1 for a in lines for b in lines if a != b)
    assert words.tolist() == [13, 26, 35, 52, 70, 81, 104]  # on every machine


def test_one_word_where_no_two_are_far_enough():
    assert code_words(members=5, weight=2, distance=6).tolist() == [3]
    assert len(code_words(members=64, weight=1, distance=4)) == 1


@pytest.mark.parametrize(
    ("n", "w", "d", "at_least"),
    [
        (26, 13, 4, 325_000),  # words of a linear code
        (32, 16, 8, 36_518),  # all of weight 16 in the Reed-Muller code of order 2
        (64, 32, 30, 126),
        (40, 31, 4, 60_000),  # images of random words
        (30, 8, 6, 500),
        (28, 14, 10, 100),
    ],
)
def test_codes_with_more_words_than_can_be_listed(n, w, d, at_least):
    with mock.patch.object(constant_weight, "MAX_WORK", 10**8):  # one or two groups
        words = code_words(members=n, weight=w, distance=d)
    check_code(words, n=n, w=w, d=d)
    assert len(words) >= at_least
    assert int(np.bitwise_or.reduce(words)) == 2**n - 1  # every member sees some unit


def test_too_many_orbits_are_thinned_out():
    with mock.patch.object(constant_weight, "MAX_ORBITS", 20):
        words = code_words(members=11, weight=5, distance=6)
    check_code(words, n=11, w=5, d=6)


@pytest.mark.parametrize("n", [2, 3, 8, 13, 64])
def test_groups_permute_the_members(n):
    groups = list(constant_weight._groups(n))
    orders = [order for order, _ in groups]
    assert orders == sorted(orders, reverse=True)
    assert groups[-1] == (1, [])
    assert all(set(p.tolist()) == set(range(n)) for _, group in groups for p in group)


@pytest.mark.parametrize("group", [0, 3, 10, -1])
def test_closure_holds_the_images_of_its_words(group):
    _, permutations = list(constant_weight._groups(15))[group]
    words = constant_weight._closure(np.array([0b10011, 0b1110000], np.uint64), permutations)
    for permutation in permutations:
        image = constant_weight._permuted(words, permutation)
        np.testing.assert_array_equal(np.sort(image), words)


@pytest.mark.parametrize(
    ("n", "w", "d"),
    [(1, 1, 4), (65, 5, 4), (8, 0, 4), (8, 8, 4), (8, 4, 2), (8, 4, 5), (8, 4, 0), (8, 4, 66)],
)
def test_arguments_out_of_range_are_refused(n, w, d):
    with pytest.raises(ValueError, match=f"{n} members, weight {w} and distance {d}"):
        code_words(members=n, weight=w, distance=d)
