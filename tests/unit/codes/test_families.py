"""Families of codes: what they can hold, and how a code names its family."""

import numpy as np
import pytest
from encoded_ensembles.codes import encode
from encoded_ensembles.codes.families import Family, check_capacity, default_weight, family_of
from encoded_ensembles.commands.encode_units import encode_units
from encoded_ensembles.data.images import ImageSet, write_images
from encoded_ensembles.storage.files import InputError, read_arrays


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
