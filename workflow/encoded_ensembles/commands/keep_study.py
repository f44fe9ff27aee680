"""encens keep-study."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option


def keep_study(
    files: Annotated[list[Path], Argument(help="tables and figures of the study")],
    config: Annotated[str, Option(help="configurations of its runs by name, as JSON")],
    output: Annotated[Path, Option(help="output, folder: copies of the files, and made.json")],
) -> None:
    """Copy the tables and figures of a study, and record its configurations, commit and versions.

    Files of several results/RUN with the same name get the prefix RUN-.
    """
    import json
    import shutil
    from collections import Counter

    from encoded_ensembles.runs.integrity import check_any
    from encoded_ensembles.runs.provenance import git_state, versions
    from encoded_ensembles.storage.files import InputError, replacing, write_json

    try:
        runs = json.loads(config)
    except json.JSONDecodeError as error:
        raise InputError(
            f"--config is not JSON, expected configurations by name ({error})."
        ) from error
    record = {"runs": runs, "git": git_state(Path(__file__).parent), "versions": versions()}
    count = Counter(file.name for file in files)
    for file in files:
        check_any(file)
        name = file.name if count[file.name] == 1 else f"{file.parts[1]}-{file.name}"
        with replacing(output / name) as temporary:
            shutil.copyfile(file, temporary)
    write_json(output / "made.json", record)
