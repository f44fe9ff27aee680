"""encens record-run."""

from pathlib import Path
from typing import Annotated

from typer import Option


def record_run(
    run: Annotated[Path, Option(help="folder of the run, whose files' digests are recorded")],
    config: Annotated[str, Option(help="the resolved configuration, as JSON")],
    dataset: Annotated[Path, Option(help="facts of the data set, .json of fetch-dataset")],
    repository: Annotated[Path, Option(help="folder of the workflow, for its git commit")],
    output: Annotated[Path, Option(help="output, .json")],
    resolved: Annotated[Path, Option(help="output, .yaml: the configuration, to run again with")],
    landscape_blocks: Annotated[int, Option(help="blocks of the landscape")],
    frechet_blocks: Annotated[int, Option(help="blocks of the samples that are scored")],
) -> None:
    """Record a run's configuration, code, versions, devices, inputs and outputs."""
    import json

    import yaml

    from encoded_ensembles.runs.integrity import check_any
    from encoded_ensembles.runs.layout import recorded
    from encoded_ensembles.runs.provenance import git_state, versions
    from encoded_ensembles.storage.files import read_facts, sha256_file, write_facts, write_text

    complete = json.loads(config)
    names = recorded(complete, landscape=landscape_blocks, frechet=frechet_blocks)
    outputs = [run / name for name in names]
    for file in outputs:
        check_any(file)
    trainings = [read_facts(file) for file in outputs if file.name == "training.json"]
    about = read_facts(dataset)
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
            "dataset": about,
            "splits": {facts["member"]: facts["split"] for facts in trainings},
            "sha256": {file.as_posix(): sha256_file(file) for file in sorted(outputs)},
        },
    )
