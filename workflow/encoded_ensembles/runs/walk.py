"""The files of a run, also where a folder of it is a link to another disk."""

import os
from collections.abc import Iterator
from pathlib import Path

from encoded_ensembles.storage.disk import FOLDERS

# Where rules and verbs write. Links to folders elsewhere in a run are the user's.
WRITTEN = FOLDERS | {"benchmarks", "certificates", "checkpoints", "ensemble", "forget", "logs"}


def walk(run: Path) -> Iterator[Path]:
    """Yield the files of a run, and the links to folders that are not followed.

    A link is followed in `WRITTEN`, unless it leads to another run, to a folder that holds this one, or
    to a place in this one.
    """
    waiting, seen = [run], {run.resolve()}
    while waiting:
        for folder, below, files in os.walk(waiting.pop()):
            yield from (Path(folder, name) for name in files)
            for link in filter(Path.is_symlink, (Path(folder, name) for name in below)):
                target, first = link.resolve(), link.relative_to(run).parts[0]
                if first in WRITTEN and target not in seen and _is_own(target, run.resolve()):
                    seen.add(target)
                    waiting.append(link)
                else:
                    yield link


def _is_own(target: Path, run: Path) -> bool:
    """Return whether a folder elsewhere holds files of this run only; both paths are resolved."""
    if target.is_relative_to(run) or run.is_relative_to(target):
        return False
    if run.parent.name == "results" and target.is_relative_to(run.parent):
        return False
    return not any((folder / "run.json").is_file() for folder in (target, *target.parents))


def leads_out(path: Path, run: Path) -> Path | None:
    """Return where a link of a run leads if data is there, outside of the run; otherwise None."""
    target = path.resolve() if path.is_symlink() else run.resolve()
    return target if target.exists() and not target.is_relative_to(run.resolve()) else None
