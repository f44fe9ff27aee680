"""The folders that rules write to, and errors there: killed writers, full disks, missing permissions."""

import errno
import glob
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

SUFFIX = ".tmp"
DAY = 86400  # seconds
PROBLEMS = {
    errno.ENOSPC: "the disk of {folder} is full; free some space and run again",
    errno.EDQUOT: "the disk quota for {folder} is used up; free some space and run again",
    errno.EROFS: "the disk of {folder} is read-only; mount it writable, or write elsewhere",
    errno.EACCES: "{folder} may not be written to; change its permissions, or write elsewhere",
    errno.EPERM: "{folder} may not be written to; change its permissions, or write elsewhere",
}

# Where rules write. Other files in the folder of a run belong to the user.
FOLDERS = {
    "autoencoder", "base", "code", "contrast", "data", "expected", "figures", "frechet", "grade", "heldout", "influence",
    "landscape", "ledger", "members", "noise", "perceptual", "planted", "queries", "retrain", "rivals", "samples", "sets",
    "splits", "studies", "text",
}  # fmt: skip
TOP = {"run.json", "config.yaml", "gallery.html"}


def is_output(path: Path) -> bool:
    """Return whether rules write this file: in the folder of a run, in `FOLDERS` or `TOP`."""
    target = path.absolute()
    for run in target.parents:
        first, *rest = target.relative_to(run).parts
        listed = first in FOLDERS if rest else first in TOP
        if listed and (run.parent.name == "results" or (run / "run.json").is_file()):
            return True
    return False


def temporary_file(path: Path) -> Path:
    """Return the hidden file beside `path` that this process writes before it renames it."""
    return path.with_name(f".{path.name}.{_host()}.{os.getpid()}{SUFFIX}")


def leftovers(path: Path) -> Iterator[Path]:
    """Yield the temporary files that killed writers of a file left."""
    for file in path.parent.glob(f".{glob.escape(path.name)}.*{SUFFIX}"):
        if is_leftover(file):
            yield file


def is_leftover(file: Path) -> bool:
    """Return whether a temporary file belongs to no running writer.

    Processes of other machines are not visible: their files count as leftovers after a day without
    changes.
    """
    host, _, pid = file.name.removesuffix(SUFFIX).rpartition(".")
    if host.endswith(f".{_host()}") and pid.isdecimal():
        return not _runs(int(pid))
    try:
        return time.time() - file.stat().st_mtime > DAY
    except FileNotFoundError:
        return False


def _host() -> str:
    """Return the name of this machine, without dots."""
    return socket.gethostname().replace(".", "-")


def _runs(pid: int) -> bool:
    """Return whether a process with this id runs on this machine."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user
        return True
    return True


def explain(error: OSError, path: Path) -> str | None:
    """Return one sentence: why a file could not be written, and how to fix it; None for other errors.

    Args:
        error: raised while the file was written.
        path: of the file.
    """
    written = {None, str(temporary_file(path)), str(path), *map(str, path.parents)}
    if error.errno not in PROBLEMS or error.filename not in written:
        return None
    problem = PROBLEMS[error.errno].format(folder=path.parent)
    return f"{path} could not be written: {problem}."
