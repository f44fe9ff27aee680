"""encens init: a folder to run the workflow in."""

from pathlib import Path
from typing import Annotated

from typer import Argument

PROFILES = ("slurm", "cluster")  # links to folders, for snakemake --profile slurm


def init(folder: Annotated[Path, Argument(help="a new or empty folder")]) -> None:
    """Write the workflow into a folder, ready to run with this package.

    Snakefile, config.yaml, the rules with their schema and captions, presets, profiles and environments:
    a clone of the repository except the package, documentation and tests.
    """
    import shutil

    from encoded_ensembles.config.starter import PARTS, workflow_root
    from encoded_ensembles.storage.files import InputError

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} exists, expected a new or empty folder; name another.")
    root = workflow_root()
    for part in PARTS:
        source, copy = root / part, folder / part
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(source, copy)
    for name in PROFILES:
        (folder / name).symlink_to(f"workflow/profiles/{name}")
    print(f"{folder}: edit config.yaml or use a preset, then run there:\n  snakemake --cores all")
