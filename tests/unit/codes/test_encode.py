"""Laws of encoding: words of units and null code words."""

from math import comb

import numpy as np
import pytest
from encoded_ensembles.codes import encode, words
from encoded_ensembles.codes.families import Family, capacity
from encoded_ensembles.storage.files import InputError
from hypothesis import assume, given, settings
from hypothesis import strategies as st

NAMES = [f"image/{i:05d}" for i in range(3000)]


@st.composite
def unshared(draw):
    """A family whose words are not shared, with units and null code words that fit."""
    members = draw(st.integers(2, 12))
    weight = draw(st.integers(1, members - 1))
    name = draw(st.sampled_from(["random", "balanced", "min-distance"]))
    distance = draw(st.sampled_from([2, 4, 6])) if name == "min-distance" else 2
    family = Family(name, members, weight, min(distance, 2 * min(weight, members - weight)))
    units = draw(st.integers(1, min(capacity(family), 300)))
    null = draw(st.integers(0, min(capacity(family) - units, 50)))
    return family, units, null, draw(st.integers(0, 2**64 - 1))


def try_encode(names, family, **options):
    """Encode, passing over draws that leave a member without units."""
    try:
        return encode.encode(names, family, **options)
    except InputError as error:
        assume("leave member" not in str(error))
        raise


@settings(max_examples=150)
@given(unshared())
def test_words_are_distinct_of_exact_weight_and_keep_the_promise_of_their_family(case):
    family, units, null, seed = case
    code, null_code, _ = try_encode(NAMES[:units], family, null_words=null, seed=seed)
    both = np.concatenate([code, null_code])
    assert both.shape == (units + null, family.members)
    assert (both.sum(axis=1) == family.weight).all()
    packed = words.pack(both)
    assert len(np.unique(packed)) == units + null
    if family.name == "balanced":
        assert np.ptp(code.sum(axis=0)) <= 1
    distances = np.bitwise_count(packed[:, None] ^ packed)
    distances = distances[~np.eye(len(packed), dtype=bool)]
    assert not distances.size or distances.min() >= family.distance
    # An antichain: every other word has a bit outside, so a member that stays has seen the unit.
    outside = (~both).astype(int) @ both.T.astype(int)
    assert (outside[~np.eye(len(both), dtype=bool)] > 0).all()


@settings(max_examples=100)
@given(unshared(), st.data())
def test_a_unit_keeps_its_word_when_others_come_and_go(case, data):
    family, units, null, seed = case
    names = NAMES[:units]
    code, null_code, ledger = try_encode(names, family, null_words=null, seed=seed)
    stay = sorted(data.draw(st.sets(st.sampled_from(names), min_size=1)))
    room = capacity(family) - null - len(stay)
    come = [f"new/{i}" for i in range(data.draw(st.integers(0, min(room, 20))))]
    after, null_after, _ = try_encode(
        stay + come, family, null_words=null, seed=seed, ledger=ledger
    )
    assert (after[: len(stay)] == code[[names.index(name) for name in stay]]).all()
    if len(names) + len(come) + null <= capacity(family):
        assert (null_after == null_code).all()
    assert len(np.unique(words.pack(np.concatenate([after, null_after])))) == len(after) + null


@given(unshared())
def test_a_unit_that_returns_gets_its_word_back(case):
    family, units, null, seed = case
    names = NAMES[:units]
    code, _, ledger = try_encode(names, family, null_words=null, seed=seed)
    assume(units > 1)
    _, _, later = try_encode(names[1:], family, null_words=null, seed=seed, ledger=ledger)
    again, _, _ = encode.encode(names, family, null_words=null, seed=seed, ledger=later)
    assert (again == code).all()


@given(st.sampled_from(["partition", "leave-one-out"]), st.integers(2, 20), st.integers(0, 60))
def test_shared_families_deal_their_words_evenly(name, members, more):
    weight = 1 if name == "partition" else members - 1
    family = Family(name, members, weight)
    units = members + more
    code, null, ledger = encode.encode(NAMES[:units], family, null_words=0, seed=0)
    assert (code.sum(axis=1) == weight).all()
    assert np.ptp(code.sum(axis=0)) <= 1
    assert not len(null)
    if more == 0:
        assert len(np.unique(words.pack(code))) == members
    grown, _, _ = encode.encode(NAMES[: units + 7], family, null_words=0, seed=0, ledger=ledger)
    assert (grown[:units] == code).all()
    assert np.ptp(grown.sum(axis=0)) <= 1


def test_all_words_can_be_given_away():
    for name in ("random", "balanced"):
        code, null, _ = encode.encode(NAMES[:60], Family(name, 8, 4), null_words=10, seed=0)
        assert len(np.unique(words.pack(np.concatenate([code, null])))) == comb(8, 4)


def test_words_of_units_that_are_gone_are_given_again_only_if_there_are_no_others():
    family = Family("random", 6, 3)  # 20 words
    _, _, ledger = encode.encode(NAMES[:12], family, null_words=2, seed=0)
    gone = words.unpack(ledger.words, members=6)
    code, _, _ = encode.encode(NAMES[6:18], family, null_words=2, seed=0, ledger=ledger)
    assert len(np.unique(words.pack(code))) == 12
    assert len(gone) == 12
    full, _, _ = encode.encode(NAMES[6:24], family, null_words=2, seed=0, ledger=ledger)
    assert len(np.unique(words.pack(full))) == 18


def test_same_seed_same_words():
    family = Family("random", 6, 3)
    first, again, other = (
        encode.encode(NAMES[:12], family, null_words=8, seed=seed) for seed in (3, 3, 4)
    )
    assert (first[0] == again[0]).all()
    assert (first[1] == again[1]).all()
    assert not np.array_equal(first[0], other[0])


def test_words_are_uniform():
    """Each of 20 words is some unit's in 12/20 of seeds, within four standard errors."""
    family = Family("random", 6, 3)
    count = np.zeros(64)
    trials = 400
    for seed in range(trials):
        code, _, _ = encode.encode(NAMES[:12], family, null_words=0, seed=seed)
        count[words.pack(code)] += 1
    share = count[count > 0] / trials
    assert len(share) == 20
    assert (abs(share - 0.6) < 4 * np.sqrt(0.24 / trials)).all()


def test_a_member_without_units_is_refused():
    with pytest.raises(InputError, match=r"1 units on 4 members leave member"):
        encode.encode(NAMES[:1], Family("random", 4, 2), null_words=1, seed=0)
