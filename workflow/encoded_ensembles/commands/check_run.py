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
            "--delete", help="delete them and what killed jobs left, so that snakemake makes anew"
        ),
    ] = False,
    redate_files: Annotated[
        bool,
        Option("--redate", help="date now what is dated in the future, after the clock went back"),
    ] = False,
) -> None:
    """Name the files of a run that are missing or not as they were written; exit code 1 if there are any.

    Nothing is run. What lies in the folder but is no output of a rule is left alone. With --delete, a
    damaged table, figure or member file goes with the file that holds its digest, since one rule makes
    both. A damaged ledger, and what no rule of this run makes, is not deleted but set aside, as
    NAME.damaged. Not while snakemake runs: between two files of a job, one may seem damaged.
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

    folder = next((each for each in (run, "results" / run) if each.is_dir()), None)
    if folder is None:
        raise InputError(f"{run} is no folder, expected that of a run such as results/digits.")
    if redate_files:
        print(f"{folder}: {redate(folder)} files were dated in the future, and are dated now.")
    wanted = wanted_files(folder)
    checked, damage = len(list(files_of(folder))), list(find_damage(folder))
    missing, left = list(find_missing(folder, wanted)), list(find_leftovers(folder))
    for _, problem in damage:
        print(problem)
    for file in missing:
        print(f"{file} is missing; snakemake makes it.")
    for file in left:
        print(f"{file} was left by a killed job{'' if delete else '; --delete removes it'}.")
    print(
        f"{folder}: {checked} files checked, {len(damage)} damaged, {len(missing)} missing, {len(left)} "
        f"left over{'' if wanted else '; not finished: there is no whole run.json'}."
    )
    if delete:
        for file in left:
            file.unlink(missing_ok=True)
        _clear([file for file, _ in damage], wanted)
    elif damage or missing:
        raise Exit(1)


def _clear(damaged: list[Path], wanted: list[Path] | None) -> None:
    """Delete damaged files that rules make again, with their keepers, and set the others aside.

    Args:
        damaged: the files.
        wanted: those of the whole run, if it is known.
    """
    from encoded_ensembles.runs.integrity import keeper

    for file in damaged:
        made_again = file in wanted if wanted else file.parent.name != "ledger"
        if not made_again:
            aside = _free(file)
            file.rename(aside)
            print(f"{aside}: set aside, since `snakemake` alone does not make it again.")
            continue
        for each in (file, keeper(file)):
            if each:
                each.unlink(missing_ok=True)
    if damaged:
        print("snakemake makes what was deleted, and what depends on it.")


def _free(file: Path) -> Path:
    """Return a name that a file can be set aside under."""
    from encoded_ensembles.runs.integrity import DAMAGED

    aside = file.with_name(file.name + DAMAGED)
    number = 1
    while aside.exists():
        number += 1
        aside = file.with_name(f"{file.name}.{number}{DAMAGED}")
    return aside
