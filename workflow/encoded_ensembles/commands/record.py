"""encens record-run."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option


def record_run(
    outputs: Annotated[list[Path], Argument(help="files whose digests are recorded")],
    config: Annotated[str, Option(help="the resolved configuration, as JSON")],
    dataset: Annotated[Path, Option(help="facts of the data set, .json of fetch-dataset")],
    repository: Annotated[Path, Option(help="folder of the workflow, for its git commit")],
    output: Annotated[Path, Option(help="output, .json")],
    resolved: Annotated[Path, Option(help="output, .yaml: the configuration, to run again with")],
) -> None:
    """Record what made this run: configuration, code, versions, devices, inputs and outputs."""
    import json

    import yaml

    from encoded_ensembles.files import (
        read_facts,
        sha256_file,
        write_facts,
        write_text,
    )
    from encoded_ensembles.integrity import check_any
    from encoded_ensembles.provenance import git_state, versions

    for file in outputs:
        check_any(file)
    trainings = [read_facts(file) for file in outputs if file.name == "training.json"]
    complete = json.loads(config)
    text = yaml.safe_dump(complete, sort_keys=False, allow_unicode=True)
    write_text(resolved, text, remark="# {}")
    write_facts(
        output,
        {
            "config": complete,
            "seeds": {
                part: keys["seed"]
                for part, keys in complete.items()
                if isinstance(keys, dict) and "seed" in keys
            },
            "git": git_state(repository),
            "versions": versions(),
            "devices": {facts["member"]: facts["device"] for facts in trainings},
            "dataset": read_facts(dataset),
            "splits": {facts["member"]: facts["split"] for facts in trainings},
            "sha256": {file.as_posix(): sha256_file(file) for file in sorted(outputs)},
        },
    )
