"""A finished run on disk: where its files are and what configuration made it."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from encoded_ensembles.files import InputError, read_arrays, read_json

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Run:
    """The folder results/{run} of a finished run."""

    folder: Path

    @cached_property
    def config(self) -> dict[str, Any]:
        """The configuration that made the run, with defaults."""
        return read_json(self.folder / "run.json")["config"]

    @cached_property
    def code(self) -> dict[str, np.ndarray]:
        """The arrays code (U, n), null_words (R, n), unit_of (N,) and unit_names (U,)."""
        return read_arrays(self.folder / "code" / "code.npz")

    @cached_property
    def images(self) -> "pd.DataFrame":
        """One row per training image: name, unit_name, sha256, pixels_sha256."""
        import pandas as pd

        return pd.read_parquet(self.folder / "code" / "images.parquet")

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
