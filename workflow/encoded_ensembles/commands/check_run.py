"""encens check-run: damaged and missing files of a run."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Exit, Option


def check_run(
    run: Annotated[
        Path, Argument(help="folder of a run, finished or not, or its name in results/")
    ],
    delete: Annotated[
        bool,
        Option(
            "--delete", help="delete them and leftovers of killed jobs; snakemake makes them again"
        ),
    ] = False,
    redate_files: Annotated[
        bool,
        Option("--redate", help="date future files now, after the clock was set back"),
    ] = False,
) -> None:
    """List the missing and damaged files of a run; exit code 1 if there are any.

    No rule is run. Files in the folder that are no rule's output are left alone. With --delete, a
    damaged table, figure or member file is deleted together with the file that holds its digest, since
    one rule makes both. A damaged ledger, or a file that no rule of this run makes, is renamed to
    NAME.damaged. Do not use it while snakemake runs: a half-written output may seem damaged.
    """
    from encoded_ensembles.runs.integrity import (
        files_of,
        find_damage,
        find_leftovers,
        find_missing,
        redate,
        wanted_files,
    )
    from encoded_ensembles.storage.files import InputError

    folder = next((path for path in (run, "results" / run) if path.is_dir()), None)
    if folder is None:
        raise InputError(f"{run} is not a folder, expected that of a run such as results/digits.")
    if redate_files:
        print(
            f"{folder}: {redate(folder)} files had dates in the future; they are now dated today."
        )
    wanted = wanted_files(folder)
    checked, damage = len(list(files_of(folder))), list(find_damage(folder))
    missing, leftovers = list(find_missing(folder, wanted)), list(find_leftovers(folder))
    for _, problem in damage:
        print(problem)
    for file in missing:
        print(f"{file} is missing; snakemake makes it.")
    for file in leftovers:
        print(f"{file} was left by a killed job{'' if delete else '; --delete removes it'}.")
    print(
        f"{folder}: {checked} files checked, {len(damage)} damaged, {len(missing)} missing, {len(leftovers)} "
        f"left over{'' if wanted else '; not finished: there is no whole run.json'}."
    )
    if delete:
        for file in leftovers:
            file.unlink(missing_ok=True)
        _clear([file for file, _ in damage], wanted)
    elif damage or missing:
        raise Exit(1)


def _clear(damaged: list[Path], wanted: list[Path] | None) -> None:
    """Delete damaged files that rules make again, with their keepers, and rename the others.

    Args:
        damaged: the files.
        wanted: all files of the whole run, None if unknown.
    """
    from encoded_ensembles.runs.integrity import keeper

    for file in damaged:
        made_again = file in wanted if wanted else file.parent.name != "ledger"
        if not made_again:
            aside = _free(file)
            file.rename(aside)
            print(f"{aside}: set aside, since `snakemake` alone does not make it again.")
            continue
        for path in (file, keeper(file)):
            if path:
                path.unlink(missing_ok=True)
    if damaged:
        print("snakemake makes what was deleted, and what depends on it.")


def _free(file: Path) -> Path:
    """Return a free name for a damaged file that is kept."""
    from encoded_ensembles.runs.integrity import DAMAGED

    aside = file.with_name(file.name + DAMAGED)
    number = 1
    while aside.exists():
        number += 1
        aside = file.with_name(f"{file.name}.{number}{DAMAGED}")
    return aside
