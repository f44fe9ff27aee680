"""Large tensors: the same bytes as the library's, without a mapped file beside them."""

import subprocess
import sys

import numpy as np
import pytest
from encoded_ensembles.storage import files, large_tensors
from encoded_ensembles.storage.files import InputError

TENSORS = {
    "noise": np.linspace(-1, 1, 24, dtype=np.float32).reshape(4, 3, 2),
    "units": np.arange(5),
    "kept": np.array([[True, False], [False, True]]),
    "exact": np.linspace(0, 1, 6).reshape(3, 2),
    "none": np.zeros((0, 3), np.float32),
}


@pytest.fixture
def file(tmp_path):
    files.write_tensors(tmp_path / "a.safetensors", TENSORS)
    return tmp_path / "a.safetensors"


@pytest.mark.parametrize("name", TENSORS)
def test_a_tensor_is_that_of_the_library(file, name):
    """Issue 16.4."""
    expected = files.read_tensors(file, names=[name])[name]
    found = large_tensors.read_tensor(file, name)
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    assert found.tobytes() == expected.tobytes()
    rows = large_tensors.LargeTensor(file, name)
    assert rows.shape == expected.shape
    assert len(rows) == len(list(rows)) == len(expected)
    assert all(np.array_equal(row, each) for row, each in zip(rows, expected, strict=True))


def test_rows_are_read_in_any_order(file):
    rows = large_tensors.LargeTensor(file, "noise")
    for row in (2, 0, 2, 3):
        assert np.array_equal(rows[row], TENSORS["noise"][row])
    with pytest.raises(IndexError, match="row 4 of 4"):
        rows[4]


@pytest.mark.parametrize("read", [large_tensors.read_tensor, large_tensors.LargeTensor])
def test_errors_are_those_of_other_readers(file, read):
    with pytest.raises(InputError, match="cannot be read as the expected safetensors file"):
        read(file, "absent")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(InputError, match="damaged"):
        read(file, "noise")


def test_a_tensor_is_in_memory_once(tmp_path):
    """Issue 16.4: a mapped file would count beside what is copied from it."""
    path = tmp_path / "large.safetensors"
    megabytes = 100
    files.write_tensors(path, {"noise": np.zeros((megabytes, 250_000), np.float32)})
    program = (
        "import sys; from pathlib import Path; from encoded_ensembles.storage import large_tensors as large\n"
        "def peak(): return next(int(line.split()[1]) for line in open('/proc/self/status') if 'VmHWM' in line)\n"
        "import safetensors; large.LargeTensor(Path(sys.argv[1]), 'noise'); before = peak()\n"
        "tensor = large.read_tensor(Path(sys.argv[1]), 'noise'); print((peak() - before) / 1000)"
    )
    line = [sys.executable, "-c", program, str(path)]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 1.3 * megabytes
