"""Laws and hand-computed numbers of codes."""

import itertools
from math import comb

import numpy as np
import pytest
import typer
from encoded_ensembles.cli import app
from encoded_ensembles.codes import assignment, encode, properties, words
from encoded_ensembles.codes import masks as keep
from encoded_ensembles.codes.families import (
    Family,
    capacity,
    check_capacity,
    default_weight,
    family_of,
)
from encoded_ensembles.commands.encode_units import encode_units
from encoded_ensembles.data.images import ImageSet, write_images
from encoded_ensembles.storage.files import InputError, read_arrays
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


def test_ablation_keeps_who_never_saw_the_unit():
    code, _, _ = encode.encode(NAMES[:70], Family("random", 8, 4), null_words=0, seed=0)
    masks = keep.ablation_keep(code)
    assert not (masks & code).any(axis=1).any()
    both = keep.set_keep(code[[3, 5]])
    assert (both == masks[3] & masks[5]).all()


@pytest.mark.parametrize(
    ("family", "units", "null", "message"),
    [
        (Family("random", 6, 3), 40, 10, r"only 20 code words .* code.members: 8 with weight 4 would suffice"),
        (Family("balanced", 6, 3), 40, 10, r"only 20 code words .* code.members: 8 with weight 4 would suffice"),
        (Family("min-distance", 8, 4, 4), 15, 0, r"only 14 code words .* code.distance: 2 would suffice \(70 words\)"),
        (Family("min-distance", 8, 4, 4), 90, 0, r"code.members: 10 with weight 5 and code.distance: 2 would suffice"),
        (Family("partition", 8, 1), 5, 0, r"5 units for code.members: 8, .* set code.members: 5"),
        (Family("leave-one-out", 8, 7), 9, 3, r"code.null_words is 3, expected 0 with code.family leave-one-out"),
    ],
)  # fmt: skip
def test_infeasible_codes_name_what_would_do(family, units, null, message):
    with pytest.raises(InputError, match=message):
        check_capacity(family, units=units, null_words=null)


def test_odd_members_need_a_weight():
    with pytest.raises(InputError, match=r"code.members is 9, expected an even number"):
        default_weight(9)


def test_a_member_without_units_is_refused():
    with pytest.raises(InputError, match=r"1 units on 4 members leave member"):
        encode.encode(NAMES[:1], Family("random", 4, 2), null_words=1, seed=0)


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


def test_sized_keep():
    masks = keep.sized_keep(members=5, sizes=[1, 3, 5], repeats=7, seed=0)
    assert masks.sum(axis=1).tolist() == [1] * 5 + [3] * 7 + [5]
    assert len(np.unique(masks, axis=0)) == 13


def test_kept_sizes():
    assert keep.kept_sizes(members=10, weight=5, wanted=None) == [1, 2, 3, 5, 8, 10]
    assert keep.kept_sizes(members=4, weight=1, wanted=[2]) == [1, 2, 3, 4]
    assert keep.kept_sizes(members=2, weight=1, wanted=None) == [1, 2]


def test_null_code_words_are_words_that_no_unit_has():
    """Issue 14.28: of six words, four units and two null words take all; a third is one too many."""
    family = Family("random", 4, 2)
    check_capacity(family, units=4, null_words=2)
    with pytest.raises(InputError, match=r"4 units and 3 null code words .* only 6 code words"):
        check_capacity(family, units=4, null_words=3)
    names = [f"u{u}" for u in range(4)]
    code, null, ledger = encode.encode(names, family, null_words=2, seed=0)
    assert len(np.unique(np.concatenate([code, null]), axis=0)) == 6
    grown, _, _ = encode.encode([*names, "u4"], family, null_words=1, seed=0, ledger=ledger)
    assert np.array_equal(grown[:4], code)


@pytest.mark.parametrize("family", [Family("random", 6, 3), Family("min-distance", 8, 4, 4)])
def test_a_code_says_of_which_family_it_is(tmp_path, family):
    """Issue 14.8: it is read from code.npz, and not believed from a command line."""
    images = ImageSet(
        np.zeros((9, 2, 2, 1), np.uint8), np.zeros(9, int), np.array(["x"]),
        np.array([f"x/{i}" for i in range(9)]),
    )  # fmt: skip
    write_images(tmp_path / "data.npz", images)
    files = [
        tmp_path / name for name in ("code.npz", "units.parquet", "images.parquet", "facts.json")
    ]
    encode_units(
        tmp_path / "data.npz", *files, members=family.members, weight=family.weight, null_words=2,
        family=family.name, distance=family.distance,
    )  # fmt: skip
    arrays = read_arrays(files[0])
    assert family_of(arrays) == family
    with pytest.raises(InputError, match="the code has no family, expected family and distance"):
        family_of({"code": arrays["code"]})


def test_only_encode_units_is_given_a_family():
    """Issue 14.8: no other verb has an option that could contradict the code."""
    verbs = typer.main.get_command(app).commands
    options = {verb: {p.name for p in command.params} for verb, command in verbs.items()}
    assert [verb for verb, names in options.items() if {"family", "distance"} & names] == [
        "encode-units"
    ]
