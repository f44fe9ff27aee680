"""Tensors of a safetensors file that fill much of a job's memory, read without mapping the file.

The library maps a file and copies out of it. Until the file is closed, pages and copies both count as
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


def read_tensor(path: Path, name: str) -> np.ndarray:
    """Return a tensor of a file, with the bytes that `files.read_tensors` returns.

    Raises:
        InputError: the file is damaged, is not safetensors, or lacks the tensor.
    """
    dtype, shape, start = _find(path, name)
    return np.fromfile(path, dtype, math.prod(shape), offset=start).reshape(shape)


def each_row(path: Path, name: str) -> Iterator[np.ndarray]:
    """Yield the rows of a tensor, along its first axis, with one in memory at a time.

    Raises:
        InputError: see `read_tensor`.
    """
    dtype, (count, *shape), start = _find(path, name)
    size = math.prod(shape)
    with path.open("rb") as file:
        file.seek(start)
        for _ in range(count):
            yield np.fromfile(file, dtype, size).reshape(shape)


def count_rows(path: Path, name: str) -> int:
    """Return the length of the first axis of a tensor.

    Raises:
        InputError: see `read_tensor`.
    """
    return _find(path, name)[1][0]


def _find(path: Path, name: str) -> tuple[np.dtype[Any], tuple[int, ...], int]:
    """Return type and shape of a tensor, and the position of its bytes in the file."""
    with open_tensors(path) as opened:  # checks the seal and the format
        opened.get_slice(name)
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        facts = json.loads(file.read(length))[name]
    return np.dtype(TYPES[facts["dtype"]]), tuple(facts["shape"]), 8 + length + facts["data_offsets"][0]  # fmt: skip
