"""Provenance of a run: the commit, the versions, the machine."""

import platform
import subprocess
from importlib import metadata
from pathlib import Path

PACKAGES = [
    "encoded-ensembles",
    "torch",
    "torchvision",
    "diffusers",
    "numpy",
    "scipy",
    "pandas",
    "peft",
    "pyarrow",
    "matplotlib",
    "scikit-learn",
    "clean-fid",
    "safetensors",
    "snakemake",
    "pillow",
]

KEPT = "docs/studies"  # tables and figures of studies


def git_state(folder: Path) -> dict[str, str | bool | None]:
    """Return the commit checked out in `folder` and whether files differ from it, except kept tables of studies.

    Those are results, which a target removes before it makes them again. Both are None without git or a repository.
    """

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True
            )
        except (OSError, subprocess.CalledProcessError):
            return None
        return done.stdout.strip()

    status = git(
        "status", "--porcelain", "--untracked-files=no", "--", ":/", f":(top,exclude){KEPT}"
    )
    return {"commit": git("rev-parse", "HEAD"), "changed": None if status is None else status != ""}


def versions() -> dict[str, str | None]:
    """Return the versions of Python, the platform and the packages that affect results."""
    version_of: dict[str, str | None] = {
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
    for name in PACKAGES:
        try:
            version_of[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            version_of[name] = None
    return version_of
