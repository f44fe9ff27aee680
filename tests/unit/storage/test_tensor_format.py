"""The header of safetensors files, byte by byte."""

import json

import numpy as np
import pytest
from encoded_ensembles.storage import tensor_format

SHAPES = {
    "b": (np.dtype("?"), (3,)),
    "a": (np.dtype("f4"), (2, 2)),
    "d": (np.dtype("i8"), ()),
    "c": (np.dtype("f4"), (0, 5)),
}


def test_wide_numbers_come_first_then_names():
    assert tensor_format.order(SHAPES) == ["d", "a", "c", "b"]


def test_a_header_by_hand():
    raw = tensor_format.header(SHAPES, {"z": "1", "a": "2"})
    length = int.from_bytes(raw[:8], "little")
    assert len(raw) == 8 + length
    assert length % 8 == 0
    facts = json.loads(raw[8:])
    assert list(facts) == ["__metadata__", "d", "a", "c", "b"]
    assert list(facts.pop("__metadata__")) == ["z", "a"]  # in the order given
    assert facts == {
        "d": {"dtype": "I64", "shape": [], "data_offsets": [0, 8]},
        "a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [8, 24]},
        "c": {"dtype": "F32", "shape": [0, 5], "data_offsets": [24, 24]},
        "b": {"dtype": "BOOL", "shape": [3], "data_offsets": [24, 27]},
    }


@pytest.mark.parametrize("kind", ["?", "i1", "u1", "i2", "f2", "i4", "f4", "f8", "i8", "u8"])
def test_the_library_reads_what_is_written(kind):
    from safetensors.numpy import load

    array = np.arange(6).reshape(2, 3).astype(kind)
    found = load(tensor_format.header({"x": (array.dtype, array.shape)}, {}) + array.tobytes())["x"]
    assert found.dtype == array.dtype
    assert np.array_equal(found, array)
