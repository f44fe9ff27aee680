"""Tensors of a safetensors file that fill much of a job's memory, read without mapping the file.

The library maps a file and copies from it. Until the file is closed, pages and copies both count as
memory of the job, which doubles its peak. It is in a module of its own, so that training does not depend on it.
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from encoded_ensembles.storage.files import open_tensors

TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}  # fmt: skip


class LargeTensor:
    """A tensor of a file, of which rows along the first axis are read when they are asked for.

    Attributes:
        shape: of the tensor.
    """

    def __init__(self, path: Path, name: str) -> None:
        """Check the file, and keep it open.

        Raises:
            InputError: the file is damaged, is not safetensors, or lacks the tensor.
        """
        self.shape: tuple[Any, ...]
        self._dtype, self.shape, self._start = _find(path, name)
        self._size = math.prod(self.shape[1:])
        self._file = path.open("rb")

    def __len__(self) -> int:
        """Return the length of the first axis."""
        return self.shape[0]

    def __getitem__(self, row: int) -> np.ndarray:
        """Return a row.

        Raises:
            IndexError: the number is not in 0..len-1.
        """
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} of {len(self)}")
        self._file.seek(self._start + row * self._size * self._dtype.itemsize)
        return np.fromfile(self._file, self._dtype, self._size).reshape(self.shape[1:])

    def __iter__(self) -> Iterator[np.ndarray]:
        """Return an iterator over the rows, with one in memory at a time."""
        return (self[row] for row in range(len(self)))


def read_tensor(path: Path, name: str) -> np.ndarray:
    """Return a tensor of a file, with the bytes that `files.read_tensors` returns.

    Raises:
        InputError: see `LargeTensor`.
    """
    dtype, shape, start = _find(path, name)
    return np.fromfile(path, dtype, math.prod(shape), offset=start).reshape(shape)


def _find(path: Path, name: str) -> tuple[np.dtype[Any], tuple[int, ...], int]:
    """Return type and shape of a tensor, and the position of its bytes in the file."""
    with open_tensors(path) as opened:  # checks the seal and the format
        opened.get_slice(name)
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        facts = json.loads(file.read(length))[name]
    return np.dtype(TYPES[facts["dtype"]]), tuple(facts["shape"]), 8 + length + facts["data_offsets"][0]  # fmt: skip
