"""Where rules write, and what goes wrong there: writers killed half-way, no space, no right to write."""

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

# Where rules write; what else lies in the folder of a run is not ours to judge, or to delete.
FOLDERS = {
    "autoencoder", "base", "code", "contrast", "data", "expected", "figures", "frechet", "grade", "heldout", "influence",
    "landscape", "ledger", "members", "noise", "planted", "retrain", "rivals", "samples", "sets",
    "splits", "studies",
}  # fmt: skip
TOP = {"run.json", "config.yaml", "gallery.html"}


def is_output(path: Path) -> bool:
    """Say whether a file lies where rules write: in the folder of a run, under a name of theirs."""
    whole = path.absolute()
    for run in whole.parents:
        first, *rest = whole.relative_to(run).parts
        named = first in FOLDERS if rest else first in TOP
        if named and (run.parent.name == "results" or (run / "run.json").is_file()):
            return True
    return False


def temporary_file(path: Path) -> Path:
    """Return where this process writes a file before it gets its name: beside it, hidden."""
    return path.with_name(f".{path.name}.{_host()}.{os.getpid()}{SUFFIX}")


def leftovers(path: Path) -> Iterator[Path]:
    """Yield what killed writers of a file left behind."""
    for file in path.parent.glob(f".{glob.escape(path.name)}.*{SUFFIX}"):
        if is_leftover(file):
            yield file


def is_leftover(file: Path) -> bool:
    """Say whether a temporary file belongs to no running writer.

    Whether a process of another machine runs cannot be known here: its file is left over once it has
    not grown for a day.
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
    """Say whether there is such a process on this machine."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user
        return True
    return True


def explain(error: OSError, path: Path) -> str | None:
    """Return one sentence on why a file could not be written, and what to do; None if not for the disk.

    Args:
        error: raised while it was written.
        path: of the file.
    """
    own = {None, str(temporary_file(path)), str(path), *map(str, path.parents)}
    if error.errno not in PROBLEMS or error.filename not in own:
        return None
    problem = PROBLEMS[error.errno].format(folder=path.parent)
    return f"{path} could not be written: {problem}."
