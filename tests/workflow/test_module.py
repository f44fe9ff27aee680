"""Another workflow uses this one as a module."""

import subprocess
import sys

import pandas as pd
import pytest
import yaml
from workspace import REPOSITORY, TOY, executed

# Two runs of different sizes from one outer workflow. Its own rule `all` stays the target.
OUTER = f"""
import yaml

toy = yaml.safe_load(open("toy.yaml"))
RUNS = {{
    "small": toy | {{"run": "small"}},
    "large": toy
    | {{"run": "large", "code": {{"members": 8, "weight": 4, "null_words": 8}}, "landscape": {{"blocks": 3}}}},
}}


rule all:
    input:
        expand("results/{{run}}/run.json", run=RUNS),


for run in RUNS:

    module:
        name: run
        snakefile: "{REPOSITORY / "Snakefile"}"
        config: RUNS[run]

    prefix = f"{{run}}_"

    use rule * from run as prefix*
"""


@pytest.fixture
def outer(workspace, tmp_path):
    """Return a function that runs an outer workflow in a folder with nothing else of ours."""
    folder = tmp_path / "outer"
    folder.mkdir()
    (folder / "Snakefile").write_text(OUTER)
    (folder / "toy.yaml").write_text(TOY.read_text())
    environment = workspace.environment | {"PYTHONPATH": str(REPOSITORY / "workflow")}

    def run(*arguments, code=0):
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", "--cores", "2", *arguments],
            cwd=folder, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        return done

    run.folder = folder
    return run


def test_one_workflow_runs_two_of_ours(outer):
    table = outer("--dry-run").stdout.split("Job stats:")[1].split("total")[0].splitlines()[3:]
    counts = {line.split()[0]: int(line.split()[1]) for line in table if line.strip()}
    assert counts["all"] == counts["small_record_run"] == counts["large_record_run"] == 1
    assert (counts["small_train_member"], counts["large_train_member"]) == (7, 9)
    assert (counts["small_ablate_block"], counts["large_ablate_block"]) == (2, 3)
    assert not {"small_all", "large_all"} & set(counts)


def test_a_module_makes_what_the_workflow_makes_by_itself(outer, finished):
    done = outer("results/small/splits/00.json", "results/large/code/units.parquet")
    jobs = ["fetch_dataset", "encode_units"]
    expected = {f"{run}_{job}": 1 for run in ("small", "large") for job in jobs}
    assert executed(done.stderr) == expected | {"small_check_names": 1, "small_split_members": 1}
    code = outer.folder / "results/small/code/code.npz"
    assert code.read_bytes() == (finished.results() / "code/code.npz").read_bytes()
    units = pd.read_parquet(outer.folder / "results/large/code/units.parquet")
    assert units["word"].str.len().eq(8).all()
    assert yaml.safe_load(TOY.read_text())["code"]["members"] == 6

    toy = outer.folder / "toy.yaml"
    toy.write_text(toy.read_text().replace("null_words: 8", "null_words: 7"))
    said = outer("--dry-run", "results/small/splits/00.json").stdout
    # once, not for each module
    assert said.count("Certain: 1 small_encode_units.") == said.count("Certain: ") == 1


def test_moved_results_are_refused_in_one_sentence(outer):
    moved = OUTER.replace("config: RUNS[run]\n", 'config: RUNS[run]\n        prefix: "elsewhere"\n')
    (outer.folder / "Snakefile").write_text(moved)
    done = outer("--dry-run", code=1)
    assert "Error: prefix or replace_prefix moves results" in done.stderr
    assert "Traceback" not in done.stderr
