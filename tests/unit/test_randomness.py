"""Keyed randomness: which stream belongs to what."""

import hashlib
from itertools import pairwise

import numpy as np
from encoded_ensembles import randomness
from encoded_ensembles.randomness import Purpose, generator, name_key

BASE = {"seed": 1, "purpose": Purpose.TRAINING, "key": 2, "counter": 3}


def raw(count=8, **changes):
    return generator(**BASE | changes).bit_generator.random_raw(count).tolist()


def test_the_key_of_a_name_is_64_bits_of_its_digest():
    """Issue 14.28: with four bytes, names of a large data set would share their key."""
    assert name_key("") == 0xE3B0C44298FC1C14
    assert name_key("abc") == int(hashlib.sha256(b"abc").hexdigest()[:16], 16)
    assert name_key("\udc80") == int(hashlib.sha256(b"\x80").hexdigest()[:16], 16)


def test_each_part_of_the_address_is_in_its_own_word():
    """Issue 14.28: the counter in the low word would make stream c+1 stream c, shifted."""
    state = generator(seed=11, purpose=Purpose.LOSS, key=13, counter=17).bit_generator.state[
        "state"
    ]
    assert state["key"].tolist() == [11, 13]
    assert state["counter"].tolist() == [0, 0, 6, 17]


def test_streams_that_differ_in_one_part_share_no_number():
    """Issue 14.28: the purpose counts, as seed, key and counter do."""
    others = ({}, {"seed": 2}, {"purpose": Purpose.SAMPLING}, {"key": 3}, {"counter": 4})
    streams = [raw(200, **changes) for changes in others]
    numbers = [number for stream in streams for number in stream]
    assert len(set(numbers)) == 5 * 200
    assert raw(200) == streams[0]


def test_the_stream_of_an_address_is_the_same_in_every_version():
    """Issue 14.28: results of earlier versions can be made again."""
    assert raw(2) == [12626363101741159663, 1330357305054793456]
    assert list(Purpose) == list(range(1, 10))


def test_a_turn_follows_from_the_name_alone():
    options = {"seed": 0, "purpose": Purpose.SELECTION}
    names = [f"x/{i}" for i in range(400)]
    turn = randomness.turns(names, **options)
    assert np.array_equal(randomness.turns(names[::-1], **options)[::-1], turn)
    assert turn[7] == generator(key=name_key("x/7"), **options).random()
    for changes in ({"seed": 1}, {"purpose": Purpose.HELDOUT}, {"counter": 1}):
        other = randomness.turns(names, **options | changes)
        assert abs(np.corrcoef(turn, other)[0, 1]) < 0.25
    assert np.histogram(turn, 4, (0, 1))[0].min() > 60


def test_digests_of_names_keep_their_order():
    digests = randomness.name_digests(["b", "a"])
    assert digests.tolist() == [hashlib.sha256(name).hexdigest().encode() for name in (b"b", b"a")]
    assert all(a != b for a, b in pairwise(digests.tolist()))
