"""Blocks of both kinds of landscape."""

import numpy as np
import pytest
from encoded_ensembles import landscape
from encoded_ensembles.files import InputError, write_tensors

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
