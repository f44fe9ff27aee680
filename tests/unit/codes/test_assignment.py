"""Words that units claim by their names, and words that no unit has."""

import numpy as np
import pytest
from encoded_ensembles.codes import assignment, encode, words
from encoded_ensembles.codes.families import Family
from encoded_ensembles.members import network
from hypothesis import given
from hypothesis import strategies as st

NAMES = [f"image/{i:05d}" for i in range(3000)]


@given(st.permutations(range(40)))
def test_words_belong_to_names_not_to_places(order):
    family = Family("random", 10, 5)
    names = NAMES[:40]
    code, _, _ = encode.encode(names, family, null_words=0, seed=1)
    part = sorted(order[:25])
    digests = assignment.claim(encode.name_digests(names), np.zeros(0, np.uint64), family, seed=1)
    assert (words.unpack(digests, members=10) == code).all()
    fewer, _, _ = encode.encode([names[i] for i in part], family, null_words=0, seed=1)
    assert (fewer == code[part]).mean() > 0.9  # most: the others had drawn the same word


@pytest.fixture(scope="module")
def members():
    config = network.unet_config(
        shape=(1, 8, 8), widths=[8, 16], layers_per_block=1, attention=False
    )
    return [network.build_unet(config, seed=seed).eval() for seed in range(3)]


@pytest.mark.parametrize(("members", "limit", "expected"), [(8, 1000, 60), (8, 7, 7), (40, 50, 50)])
def test_free_words_are_nobodys(members, limit, expected):
    family = Family("random", members, members // 2)
    packed = words.unrank(np.arange(10), members=members, weight=members // 2)
    code = words.unpack(packed, members=members)
    free = assignment.free_words(code, family=family, limit=limit)
    assert free.shape == (expected, members)
    assert (free.sum(axis=1) == members // 2).all()
    assert not np.isin(words.pack(free), packed).any()
    assert len(np.unique(words.pack(free))) == expected
    assert assignment.count_free(10, family=family, limit=limit) == expected
    shared = Family("partition", members, 1)
    assert not len(assignment.free_words(code, family=shared, limit=9))
    assert assignment.count_free(10, family=shared, limit=9) == 0
