"""Tensors of a safetensors file in parts: read by their second axis, and written as their rows come.

It is in a module of its own, so that neither training nor a landscape depends on it.
"""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from encoded_ensembles.storage.files import replacing
from encoded_ensembles.storage.large_tensors import LargeTensor
from encoded_ensembles.storage.seals import blank_seal, seal
from encoded_ensembles.storage.tensor_format import header


class PartedTensor(LargeTensor):
    """A tensor (A, B, ...) of a file: `tensor[a]` is read when it is asked for, and so is `tensor[:, b]`."""

    def __getitem__(self, at: int | tuple[slice, int]) -> np.ndarray:
        """Return a row, or a part of every row.

        Raises:
            IndexError: the number is out of range.
        """
        if not isinstance(at, tuple):
            return super().__getitem__(at)
        rows, part = range(len(self))[at[0]], range(self.shape[1])[at[1]]
        size = math.prod(self.shape[2:])
        found = np.empty((len(rows), size), self._dtype)
        for each, row in zip(found, rows, strict=True):
            number = row * self.shape[1] + part
            self._file.seek(self._start + number * size * self._dtype.itemsize)
            each[:] = np.fromfile(self._file, self._dtype, size)
        return found.reshape(len(rows), *self.shape[2:])


def write_rows(
    path: Path, shapes: Mapping[str, tuple[int, ...]], rows: Iterable[np.ndarray]
) -> None:
    """Write safetensors of float32 as they come; the bytes equal those of `files.write_tensors`.

    Args:
        path: of the file.
        shapes: of the tensors.
        rows: all values in the order of the tensors' names, in arrays of any shape.

    Raises:
        ValueError: there are more or fewer values.
    """
    expected = sum(map(math.prod, shapes.values()))
    with replacing(path) as temporary:
        with temporary.open("wb") as file:
            kinds = {name: (np.dtype("f4"), shape) for name, shape in shapes.items()}
            file.write(header(kinds, {"seal": blank_seal()}))
            written = sum(file.write(each.astype("<f4", copy=False).tobytes()) for each in rows)
        if written != 4 * expected:
            raise ValueError(f"{path} has {written} bytes of values, expected {4 * expected}")
        seal(temporary)
