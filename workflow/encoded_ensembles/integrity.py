"""The files of a run: which are as they were written, and what killed writers left behind."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from encoded_ensembles.disk import FOLDERS, SUFFIX, TOP, is_leftover
from encoded_ensembles.files import InputError, check, check_kept
from encoded_ensembles.unet import ADAPTER_CONFIG, ADAPTER_WEIGHTS, WEIGHTS

BY_NAME = {
    "config.json": WEIGHTS,
    ADAPTER_CONFIG: ADAPTER_WEIGHTS,
    "loss.csv": "training.json",
}  # keepers of members' files
BY_SUFFIX = {".csv": ".parquet", ".png": ".pdf", ".sha256": ".json"}
SUFFIXES = {".csv", ".json", ".npz", ".parquet", ".pdf", ".png", ".safetensors", ".sha256"}
SKEW = 60  # seconds that clocks of machines with one disk may differ by


def keeper(path: Path) -> Path | None:
    """Return the file whose seal holds the digest of another; None for one with a seal of its own."""
    if path.name in BY_NAME:
        return path.with_name(BY_NAME[path.name])
    if path.suffix in BY_SUFFIX:
        return path.with_suffix(BY_SUFFIX[path.suffix])
    return None


def check_any(path: Path) -> None:
    """Check a file of a run, by its own seal or its keeper's.

    Raises:
        InputError: its bytes are not those that were written.
        FileNotFoundError: it or its keeper is missing.
    """
    beside = keeper(path)
    if beside:
        check_kept(path, keeper=beside)
    else:
        check(path)


def files_of(run: Path) -> Iterator[Path]:
    """Yield the files of a run that are sealed or kept, in order."""
    for file in sorted(run.rglob("*")):
        first, *rest = file.relative_to(run).parts
        ours = first in FOLDERS and file.suffix in SUFFIXES if rest else first in TOP
        if ours and file.is_file():
            yield file


def find_damage(run: Path) -> Iterator[tuple[Path, str]]:
    """Yield each damaged file of a run, and what is wrong with it."""
    for file in files_of(run):
        beside = keeper(file)
        try:
            if beside and not beside.exists():
                raise InputError(f"{file} cannot be checked: {beside.name} is missing; run again.")
            if beside is None or not _damaged(beside):  # then the keeper itself is named
                check_any(file)
        except FileNotFoundError:  # of a job that runs
            continue
        except InputError as error:
            yield file, str(error)


def _damaged(path: Path) -> bool:
    try:
        check(path)
    except InputError:
        return True
    return False


def find_leftovers(run: Path) -> Iterator[Path]:
    """Yield what killed writers left behind in a run."""
    for file in sorted(run.rglob(f".*{SUFFIX}")):
        if is_leftover(file):
            yield file


def files_ahead(run: Path) -> list[Path]:
    """Return the files of a run that are dated in the future, the oldest first.

    There are some when the clock went back: then a newer file may have the older date, and Snakemake
    would take what is outdated for up to date.
    """
    now, dated = time.time(), []
    for folder, _, names in os.walk(run):
        for file in (Path(folder) / name for name in names):
            with suppress(FileNotFoundError):  # of a job that runs
                dated.append((file.stat().st_mtime, file))
    return [file for date, file in sorted(dated) if date > now + SKEW]


def redate(run: Path) -> int:
    """Date now the files of a run that are dated in the future, in the order of their dates.

    Returns:
        how many there were.
    """
    ahead, now = files_ahead(run), time.time_ns()
    for place, file in enumerate(ahead):
        date = now - (len(ahead) - place) * 1_000_000  # apart by what every disk can tell
        os.utime(file, ns=(date, date))
    return len(ahead)
