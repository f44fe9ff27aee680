"""Tensors in parts: the same values as in whole, read by either axis; the same bytes, written in any chunks."""

import numpy as np
import pytest
from encoded_ensembles.storage import files, tensor_parts

DRAWN = np.random.default_rng(0).standard_normal((5, 3, 1, 2, 2)).astype(np.float32)


@pytest.mark.parametrize("shape", [(5, 3, 4), (5, 12), (0, 3, 4)])
def test_parts_of_rows_are_those_of_the_tensor(tmp_path, shape):
    whole = DRAWN[: shape[0]].reshape(shape)
    files.write_tensors(tmp_path / "a", {"null": whole, "other": DRAWN})
    stored = tensor_parts.PartedTensor(tmp_path / "a", "null")
    for part in range(shape[1]):
        assert np.array_equal(stored[:, part], whole[:, part])
        assert np.array_equal(stored[1:4, part], whole[1:4, part])
    assert all(np.array_equal(a, b) for a, b in zip(stored, whole, strict=True))
    with pytest.raises(IndexError):
        stored[:, shape[1]]


@pytest.mark.parametrize("sizes", [[5], [1, 3, 1], [2, 2, 1]])
def test_rows_of_several_tensors_have_the_bytes_of_tensors_written_at_once(tmp_path, sizes):
    """Chunks may reach from one tensor into the next."""
    tensors = {"null": DRAWN[2:], "factual": DRAWN[0], "full": DRAWN[1]}
    files.write_tensors(tmp_path / "once", tensors)
    chunks = np.split(DRAWN, np.cumsum(sizes)[:-1])
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    tensor_parts.write_rows(tmp_path / "grown", shapes, chunks)
    assert (tmp_path / "once").read_bytes() == (tmp_path / "grown").read_bytes()


def test_missing_values_leave_no_file(tmp_path):
    with pytest.raises(ValueError, match="20 bytes of values, expected 24"):
        tensor_parts.write_rows(tmp_path / "a", {"null": (3, 2)}, [np.zeros(5, np.float32)])
    assert not list(tmp_path.iterdir())
