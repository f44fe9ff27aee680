"""Blocks of both kinds of landscape."""

import numpy as np
import pytest
from encoded_ensembles.ensemble import landscape
from encoded_ensembles.storage.files import InputError, write_tensors

PICTURES = np.random.default_rng(0).random((5, 3, 1, 2, 2)).astype(np.float32)  # (U, B, C, H, W)
PAIRS = [(0, 2), (3, 0), (4, 1)]


@pytest.fixture
def exact(tmp_path):
    units = np.array_split(np.arange(5), 2)
    files = [tmp_path / f"{number}.safetensors" for number in range(2)]
    for file, part in zip(files, units, strict=True):
        write_tensors(file, {"units": part, "counterfactuals": PICTURES[part]})
    return files


@pytest.fixture
def screened(tmp_path):
    files = [tmp_path / f"{sample}-screened.safetensors" for sample in range(3)]
    for sample, file in enumerate(files):
        units = np.array([unit for unit, of in PAIRS if of == sample], np.int64)
        arrays = {"unit": units, "sample": np.full(len(units), sample, np.int64)}
        write_tensors(file, arrays | {"counterfactual": PICTURES[units, sample]})
    return files


def test_every_unit_comes_once_with_its_counterfactuals(exact):
    found = dict(landscape.each_unit(exact))
    assert list(found) == [0, 1, 2, 3, 4]
    assert all(np.array_equal(found[unit], PICTURES[unit]) for unit in found)


def test_a_screened_landscape_is_no_whole_one(screened):
    with pytest.raises(
        InputError, match=r"is of a screened landscape, .* landscape\.mode to exact"
    ):
        list(landscape.each_unit(screened))


@pytest.mark.parametrize("kind", ["exact", "screened"])
def test_wanted_pairs_come_from_either_kind(request, kind):
    found = dict(landscape.pictures_of(request.getfixturevalue(kind), {*PAIRS, (9, 9)}))
    assert sorted(found) == sorted(PAIRS)
    assert all(np.array_equal(picture, PICTURES[pair]) for pair, picture in found.items())


def test_what_was_not_ablated_does_not_come(screened):
    assert not dict(landscape.pictures_of(screened, {(1, 1)}))


def test_a_pattern_stands_for_all_blocks_and_a_missing_one_is_named(tmp_path):
    """Issue 14.9: in the order of units, and only those of this number of blocks."""
    for name in (*(f"{i}-of-11" for i in range(1, 12)), "1-of-2"):
        (tmp_path / f"{name}.safetensors").touch()
    given = [tmp_path / "*-of-11.safetensors"]
    wanted = [tmp_path / f"{i}-of-11.safetensors" for i in range(1, 12)]
    assert landscape.every_block(given) == wanted
    assert landscape.every_block(wanted[:3]) == wanted[:3]
    wanted[6].unlink()
    with pytest.raises(
        InputError, match=r"7-of-11\.safetensors is missing, expected all 11 blocks"
    ):
        landscape.every_block(given)
