"""The files of a run: which are as they were written, and what killed writers left behind."""

import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from encoded_ensembles.config.check import with_defaults
from encoded_ensembles.config.starter import read_schema
from encoded_ensembles.members.given import KINDS
from encoded_ensembles.members.names import ADAPTER_CONFIG, ADAPTER_WEIGHTS, WEIGHTS
from encoded_ensembles.runs.layout import (
    ARRAYS,
    CLASSIFIER,
    FACTS,
    FIGURES,
    ON_DEMAND,
    PAGES,
    TABLES,
    outputs,
)
from encoded_ensembles.storage.disk import FOLDERS, SUFFIX, TOP, is_leftover
from encoded_ensembles.storage.files import InputError, check, check_kept, read_facts, read_table
from encoded_ensembles.storage.seals import is_sealed, read_seal

NAMES = {
    *ARRAYS, *FACTS, *PAGES, *CLASSIFIER, "studies/levels.pdf", "studies/levels.png",
    "retrain/samples.safetensors", "heldout/measured.safetensors",
    *(f"{table}.{kind}" for table in (*TABLES, *ON_DEMAND, "retrain/controls", "planted/planted") for kind in ("parquet", "csv")),
    *(f"figures/{name}.{kind}" for name in (*FIGURES, "truth") for kind in ("pdf", "png")),
}  # fmt: skip
OF_NETWORKS = {
    "config.json", WEIGHTS, ADAPTER_CONFIG, ADAPTER_WEIGHTS, "loss.csv", "training.json", "base.json",
    "autoencoder.json",
}  # fmt: skip
NUMBERED = re.compile(
    r"splits/(\d+|full|control\.\d+\.\d+|heldout\.\d+)\.(json|sha256)|(landscape/|frechet/samples\.)\d+-of-\d+\.(safetensors|npz)"
    r"|sets/[^/]+\.safetensors|rivals/gradients\.(\d+|full)\.safetensors|ledger/[\w-]+\.npz"
)
BY_NAME = {
    "config.json": WEIGHTS,
    ADAPTER_CONFIG: ADAPTER_WEIGHTS,
    "loss.csv": "training.json",
}  # keepers of members' files
BY_SUFFIX = {".csv": ".parquet", ".png": ".pdf", ".sha256": ".json"}
SUFFIXES = {".csv", ".json", ".npz", ".parquet", ".pdf", ".png", ".safetensors", ".sha256"}
DAMAGED = ".damaged"  # in the name of a file that is set aside
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


def is_named(file: str) -> bool:
    """Say whether a rule, with some configuration, writes a file of this name in the folder of a run."""
    folder, _, rest = file.partition("/")
    if (
        folder in ("members", "retrain", "heldout", *KINDS)
        and rest.rpartition("/")[2] in OF_NETWORKS
    ):
        return True
    return file in NAMES or bool(NUMBERED.fullmatch(file))


def files_of(run: Path) -> Iterator[Path]:
    """Yield the files of a run that are sealed or kept, or named as those are, in order."""
    for file in sorted(run.rglob("*")):
        name = file.relative_to(run)
        first, *rest = name.parts
        ours = first in FOLDERS and file.suffix in SUFFIXES if rest else first in TOP
        if ours and file.is_file() and (is_named(name.as_posix()) or _is_marked(file)):
            yield file


def _is_marked(file: Path) -> bool:
    """Say whether a file holds a seal, or another's seal names it."""
    beside = keeper(file)
    if beside is None:
        return is_sealed(file)
    return beside.is_file() and file.name in read_seal(beside).kept


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


def wanted_files(run: Path) -> list[Path] | None:
    """Return every file that a run has when it is whole, by its record; None if there is no good one."""
    record = run / "run.json"
    if not record.is_file() or _damaged(record):
        return None
    facts = read_facts(record)
    names = [Path(file).parts[2:] for file in facts["sha256"]]  # after results/{run}
    folders = Counter("/".join(name[:1]) for name in names if "-of-" in name[-1])
    files = outputs(
        with_defaults(facts["config"], read_schema()),
        landscape=folders["landscape"],
        frechet=folders["frechet"],
        classifier=_has_classifier(run),
    )
    return [run / file for file in files]


def _has_classifier(run: Path) -> bool:
    """Say whether a finished run has trained a classifier for its features."""
    scores = run / "frechet" / "scores.parquet"
    if not scores.is_file() or _damaged(scores):
        return any((run / file).is_file() for file in CLASSIFIER)
    return "classifier" in set(read_table(scores, columns=["extractor"])["extractor"])


def find_missing(run: Path, wanted: list[Path] | None) -> Iterator[Path]:
    """Yield the files of a run that are not there: those of a whole one, and those that a seal names.

    Args:
        run: its folder.
        wanted: of `wanted_files`.
    """
    yield from (file for file in wanted or [] if not file.exists())
    known = set(wanted or [])
    for file in files_of(run):
        if file not in known and keeper(file) is None:
            beside = [file.with_name(name) for name in read_seal(file).kept]
            yield from (each for each in beside if each not in known and not each.exists())


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
