"""A finished run on disk: where its files are and what configuration made it."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from encoded_ensembles.files import InputError, read_arrays, read_json, read_tensors

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd


@dataclass(frozen=True)
class Run:
    """The folder results/{run} of a finished run."""

    folder: Path

    @cached_property
    def record(self) -> dict[str, Any]:
        """What run.json says."""
        return read_json(self.folder / "run.json")

    @cached_property
    def config(self) -> dict[str, Any]:
        """The configuration that made the run, with defaults."""
        return self.record["config"]

    @cached_property
    def code(self) -> dict[str, np.ndarray]:
        """The arrays code (U, n), null_words (R, n), unit_of (N,) and unit_names (U,)."""
        return read_arrays(self.folder / "code" / "code.npz")

    @cached_property
    def images(self) -> "pd.DataFrame":
        """One row per training image: name, unit_name, sha256, pixels_sha256."""
        import pandas as pd

        return pd.read_parquet(self.folder / "code" / "images.parquet")

    @cached_property
    def blocks(self) -> list[Path]:
        """The blocks of the landscape that the record of the run lists, in the order of units.

        Others may lie beside them, of an earlier number of blocks.
        """
        recorded = [Path(file) for file in self.record["sha256"]]
        names = [file.name for file in recorded if file.parent.name == "landscape"]
        blocks = [self.folder / "landscape" / name for name in names]
        return sorted(blocks, key=lambda file: int(file.name.split("-of-")[0]))

    def counterfactuals(self) -> "Iterator[np.ndarray]":
        """Yield the counterfactuals (B, C, H, W) of each unit in turn, a block of them in memory.

        Raises:
            InputError: a unit is missing in the blocks.
        """
        unit = 0
        for file in self.blocks:
            block = read_tensors(file, names=["units", "counterfactuals"])
            if block["units"].tolist() != list(range(unit, unit + len(block["units"]))):
                raise InputError(
                    f"{file} does not begin with unit {unit}; finish the run with snakemake first."
                )
            unit += len(block["units"])
            yield from block["counterfactuals"]

    @property
    def members(self) -> list[str]:
        """The names of the members, in order: 00, 01, ..."""
        return [f"{member:02d}" for member in range(self.code["code"].shape[1])]

    @property
    def member_folders(self) -> list[Path]:
        """The folders of the members, in order."""
        return [self.folder / "members" / member for member in self.members]


def open_run(name: Path) -> Run:
    """Return a finished run, given its folder or its name in results/.

    Raises:
        InputError: there is none.
    """
    for folder in (name, Path("results") / name):
        if (folder / "run.json").is_file():
            return Run(folder)
    raise InputError(
        f"--run is {name}, expected the folder of a finished run such as results/digits (with a "
        "run.json in it); finish it with snakemake first."
    )


def unit_names(given: list[str], known: np.ndarray) -> list[str]:
    """Return the unit names in options that may each hold several, parted by commas.

    A name that is known as it stands is not parted.
    """
    names = set(known.tolist())
    return [
        name
        for text in given
        for name in ([text] if text in names else map(str.strip, text.split(",")))
        if name
    ]
