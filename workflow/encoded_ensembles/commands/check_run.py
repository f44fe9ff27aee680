"""encens check-run: damaged files of a run."""

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
    """Name the files of a run that are not as they were written; exit code 1 if there are any.

    Nothing is run. What lies in the folder but is no output of a rule is left alone. With --delete, a
    damaged table, figure or member file goes with the file that holds its digest, since one rule makes
    both. Not while snakemake runs: between two files of a job, one may seem damaged.
    """
    from encoded_ensembles.files import InputError
    from encoded_ensembles.integrity import files_of, find_damage, find_leftovers, keeper, redate

    folder = next((each for each in (run, "results" / run) if each.is_dir()), None)
    if folder is None:
        raise InputError(f"{run} is no folder, expected that of a run such as results/digits.")
    if redate_files:
        print(f"{folder}: {redate(folder)} files were dated in the future, and are dated now.")
    checked, damage = len(list(files_of(folder))), list(find_damage(folder))
    left = list(find_leftovers(folder))
    for _, problem in damage:
        print(problem)
    for file in left:
        print(f"{file} was left by a killed job{'' if delete else '; --delete removes it'}.")
    print(f"{folder}: {checked} files checked, {len(damage)} damaged, {len(left)} left over.")
    if delete:
        for file in [file for file, _ in damage] + left:
            file.unlink(missing_ok=True)
            if beside := keeper(file):
                beside.unlink(missing_ok=True)
    elif damage:
        raise Exit(1)
