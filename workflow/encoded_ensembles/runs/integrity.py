"""Integrity of a run: damaged and missing files, and leftovers of killed writers."""

import os
import re
import stat
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from encoded_ensembles.config.check import with_defaults
from encoded_ensembles.config.starter import read_schema
from encoded_ensembles.members.folder import LOSSES, MEMBER_FILES
from encoded_ensembles.members.given import KINDS
from encoded_ensembles.members.names import ADAPTER_CONFIG, ADAPTER_WEIGHTS, WEIGHTS
from encoded_ensembles.runs import layout
from encoded_ensembles.runs.layout import (
    ARRAYS,
    CLASSIFIER,
    FACTS,
    FIGURES,
    ON_DEMAND,
    PAGES,
    PERCEPTUAL,
    SAMPLING_TEXTS,
    TABLES,
    TRAINING_TEXTS,
    outputs,
)
from encoded_ensembles.runs.walk import walk
from encoded_ensembles.storage.disk import FOLDERS, SUFFIX, TOP, is_leftover
from encoded_ensembles.storage.files import InputError, check, check_kept, read_facts, read_table
from encoded_ensembles.storage.seals import is_sealed, read_seal

NAMES = {
    *ARRAYS, *FACTS, *PAGES, *CLASSIFIER, *SAMPLING_TEXTS, *TRAINING_TEXTS, "studies/levels.pdf", "studies/levels.png", PERCEPTUAL,
    "retrain/samples.safetensors", "heldout/measured.safetensors",
    *(f"{table}.{kind}" for table in (*TABLES, *ON_DEMAND, "retrain/controls", "planted/planted") for kind in ("parquet", "csv")),
    *(f"figures/{name}.{kind}" for name in (*FIGURES, "truth") for kind in ("pdf", "png")),
}  # fmt: skip
OF_NETWORKS = {
    *MEMBER_FILES, "training.json", "base.json", "autoencoder.json", "pipeline.json",
}  # fmt: skip
NUMBERED = re.compile(
    r"splits/(\d+|full|control\.\d+\.\d+|heldout\.\d+)\.(json|sha256)|(landscape/|frechet/samples\.)\d+-of-\d+\.(safetensors|npz)"
    r"|sets/[^/]+\.safetensors|rivals/gradients\.(\d+|full)\.safetensors|ledger/[\w-]+\.npz"
)
BY_NAME = {
    "config.json": WEIGHTS,
    ADAPTER_CONFIG: ADAPTER_WEIGHTS,
    LOSSES: "training.json",
}  # keepers of members' files
BY_SUFFIX = {".csv": ".parquet", ".png": ".pdf", ".sha256": ".json"}
SUFFIXES = {".csv", ".json", ".npz", ".parquet", ".pdf", ".png", ".safetensors", ".sha256"}
DAMAGED = ".damaged"  # suffix of a damaged file that is kept
SKEW = 60  # largest difference of the clocks of machines that share a disk, seconds


def keeper(path: Path) -> Path | None:
    """Return the file whose seal holds the digest of `path`; None if `path` has its own seal."""
    if path.name in BY_NAME:
        return path.with_name(BY_NAME[path.name])
    if path.suffix in BY_SUFFIX:
        return path.with_suffix(BY_SUFFIX[path.suffix])
    return None


def check_any(path: Path) -> None:
    """Check a file of a run, by its own seal or its keeper's.

    Raises:
        InputError: its bytes differ from those written.
        FileNotFoundError: it or its keeper is missing.
    """
    beside = keeper(path)
    if beside:
        check_kept(path, keeper=beside)
    else:
        check(path)


def is_named(file: str) -> bool:
    """Return whether a rule writes a file of this name in a run's folder, under some configuration."""
    folder, _, rest = file.partition("/")
    if (
        folder in ("members", "retrain", "heldout", *KINDS)
        and rest.rpartition("/")[2] in OF_NETWORKS
    ):
        return True
    return file in NAMES or bool(NUMBERED.fullmatch(file))


def files_of(run: Path) -> Iterator[Path]:
    """Yield the files of a run that have a seal or a keeper, or a name of such files, in order."""
    for file in sorted(walk(run)):
        name = file.relative_to(run)
        first, *rest = name.parts
        written = first in FOLDERS and file.suffix in SUFFIXES if rest else first in TOP
        if written and file.is_file() and (is_named(name.as_posix()) or _is_marked(file)):
            yield file


def _is_marked(file: Path) -> bool:
    """Return whether a file holds a seal, or its keeper's seal names it."""
    beside = keeper(file)
    if beside is None:
        return is_sealed(file)
    return beside.is_file() and file.name in read_seal(beside).kept


def find_damage(run: Path) -> Iterator[tuple[Path, str]]:
    """Yield each damaged file of a run, with the error message."""
    for file in files_of(run):
        beside = keeper(file)
        try:
            if beside and not beside.exists():
                raise InputError(f"{file} cannot be checked: {beside.name} is missing; run again.")
            if beside is None or not _damaged(beside):  # a damaged keeper is reported itself
                check_any(file)
        except FileNotFoundError:  # replaced by a running job
            continue
        except InputError as error:
            yield file, str(error)


def wanted_files(run: Path) -> list[Path] | None:
    """Return every file of the whole run, by its record; None if the record is missing or damaged."""
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
        classifier=has_classifier(run),
    )
    return [run / file for file in files]


def has_classifier(run: Path) -> bool:
    """Return whether a finished run has trained a classifier for its features."""
    scores = run / layout.SCORES
    if not scores.is_file() or _damaged(scores):
        return any((run / file).is_file() for file in CLASSIFIER)
    return "classifier" in set(read_table(scores, columns=["extractor"])["extractor"])


def find_missing(run: Path, wanted: list[Path] | None) -> Iterator[Path]:
    """Yield the missing files of a run: those of the whole run, and those that a seal names.

    Args:
        run: folder of the run.
        wanted: files of `wanted_files`.
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
    """Yield the leftovers of killed writers in a run."""
    for file in sorted(walk(run)):
        if file.name.startswith(".") and file.name.endswith(SUFFIX) and is_leftover(file):
            yield file


def files_ahead(run: Path) -> list[Path]:
    """Return the files of a run that are dated in the future, the oldest first.

    They occur when the clock was set back: then a newer file may have an older date, and Snakemake
    would treat outdated files as up to date.
    """
    now, dated = time.time(), []
    for file in walk(run):
        with suppress(FileNotFoundError):  # replaced by a running job
            status = file.stat()
            if stat.S_ISREG(status.st_mode):
                dated.append((status.st_mtime, file))
    return [file for date, file in sorted(dated) if date > now + SKEW]


def redate(run: Path) -> int:
    """Set dates in the future to the current time, and keep the order of the files' dates.

    Returns:
        the number of files.
    """
    ahead, now = files_ahead(run), time.time_ns()
    for position, file in enumerate(ahead):
        date = now - (len(ahead) - position) * 1_000_000  # 1 ms apart, which every disk can store
        os.utime(file, ns=(date, date))
    return len(ahead)
