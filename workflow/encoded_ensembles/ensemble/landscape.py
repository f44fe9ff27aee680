"""The blocks of a landscape: counterfactuals of every unit or, if screened, of some pairs."""

import re
from collections.abc import Container, Iterable, Iterator
from pathlib import Path

import numpy as np

from encoded_ensembles.storage.files import InputError, open_tensors
from encoded_ensembles.storage.large_tensors import LargeTensor, read_tensor

Pair = tuple[int, int]  # numbers of a unit and a sample


def every_block(given: Iterable[Path]) -> list[Path]:
    """Return files of blocks, with each name of the form *-of-N replaced by all N names.

    Raises:
        InputError: one of the N is missing.
    """
    files = []
    for path in given:
        pattern = re.search(r"\*-of-(\d+)", path.name)
        if not pattern:
            files.append(path)
            continue
        total = int(pattern[1])
        for number in range(1, total + 1):
            file = path.with_name(path.name.replace("*", str(number)))
            if not file.is_file():
                raise InputError(
                    f"{file} is missing, expected all {total} blocks that {path.name} stands for; "
                    "finish them with snakemake, or pass the right number of blocks."
                )
            files.append(file)
    return files


def read_block(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a block of ablate-block: units (A,) int64, counterfactuals (A, B, C, H, W) float32.

    Raises:
        InputError: the landscape is screened, or the file is damaged.
    """
    return _units_of(file), read_tensor(file, "counterfactuals")


def _units_of(file: Path) -> np.ndarray:
    """Return the units of a block of ablate-block; see `read_block`."""
    with open_tensors(file) as opened:
        if "unit" in opened.keys():  # noqa: SIM118  # not a mapping
            raise InputError(
                f"{file} is of a screened landscape, in which not every unit is ablated for every sample; "
                "this needs all counterfactuals: set landscape.mode to exact."
            )
        return np.asarray(opened.get_tensor("units"))


def each_unit(blocks: Iterable[Path]) -> Iterator[tuple[int, np.ndarray]]:
    """Yield every unit with its counterfactuals (B, C, H, W), with those of one in memory at a time.

    Raises:
        InputError: see `read_block`.
    """
    for file in blocks:
        units = _units_of(file).tolist()
        yield from zip(units, LargeTensor(file, "counterfactuals"), strict=True)


def pictures_of(
    blocks: Iterable[Path], wanted: Container[Pair]
) -> Iterator[tuple[Pair, np.ndarray]]:
    """Yield the wanted pairs that were ablated, with their counterfactual (C, H, W).

    Args:
        blocks: files of ablate-block or screen-block.
        wanted: pairs of unit and sample.

    Raises:
        InputError: a file is damaged.
    """
    for file in blocks:
        with open_tensors(file) as opened:
            if "unit" in opened.keys():  # noqa: SIM118  # not a mapping
                ablated = opened.get_tensor("unit").tolist(), opened.get_tensor("sample").tolist()
                pictures = opened.get_slice("counterfactual")
                for row, pair in enumerate(zip(*ablated, strict=True)):
                    if pair in wanted:
                        yield pair, pictures[row]
                continue
            pictures = opened.get_slice("counterfactuals")
            samples = range(pictures.get_shape()[1])
            for row, unit in enumerate(opened.get_tensor("units").tolist()):
                for sample in samples:
                    if (unit, sample) in wanted:
                        yield (unit, sample), pictures[row, sample]
