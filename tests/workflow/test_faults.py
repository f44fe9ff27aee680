"""benchmarks/faults.py: its table, and some of its faults again."""

import csv
import re
import subprocess
import sys

import pytest
from workspace import REPOSITORY

BENCHMARK = REPOSITORY / "benchmarks/faults.py"


def rows_of(table):
    with table.open(newline="") as file:
        return list(csv.DictReader(file))


def inject(table, *options):
    done = subprocess.run(
        [sys.executable, str(BENCHMARK), "--table", str(table), *options],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return rows_of(table)


def test_the_kept_table_has_every_rule_and_kind_and_nothing_wrong():
    rows = rows_of(REPOSITORY / "benchmarks/out/faults.csv")
    assert len(rows) >= 200
    assert {row["outcome"] for row in rows} == {"same bytes", "refused"}
    rules = {
        rule
        for file in (REPOSITORY / "workflow/rules").glob("*.smk")
        for rule in re.findall(r"^ *(?:rule|checkpoint) (\w+):", file.read_text(), re.MULTILINE)
    }
    killed = {re.split(r"[ .,/]", row["where"])[0] for row in rows if row["fault"] == "kill -9"}
    assert rules <= killed
    for kind in (
        "disk full", "read-only", "no right", "damaged input", "damaged output", "damaged checkpoint", "damaged ledger",
        "server: stalls", "server: drops", "server: page", "server: wrong bytes", "clock went back", "two Snakemakes",
    ):  # fmt: skip
        assert any(row["fault"].startswith(kind) for row in rows), kind


def test_downloads_again(tmp_path):
    assert len(inject(tmp_path / "t.csv", "--only", "download", "--limit", "8", "--seed", "1")) == 8


@pytest.mark.slow
def test_all_faults_again(tmp_path):
    namespaces = subprocess.run(["unshare", "-rm", "true"], check=False, capture_output=True)
    if namespaces.returncode:
        pytest.skip("nobody may mount a tmpfs here")
    assert len(inject(tmp_path / "t.csv", "--seed", "1")) >= 200


@pytest.mark.parametrize(
    ("verb", "folder", "inputs", "outputs"),
    [
        ("measure-contrast", "contrast", {}, ("contrast", "sets", "units", "answers", "checks")),
        (
            "measure-queries",
            "queries",
            {"data": "data/training.npz", "pictures": "queries/pictures.npz"},
            ("pairs", "answers", "checks", "control"),
        ),
    ],
)
def test_a_damaged_input_is_seen_before_anything_is_written(
    finished, tmp_path, verb, folder, inputs, outputs
):
    """Tables were written before the last input was read, the decoys."""
    given = {"code": "code/code.npz"} | {
        name: f"{folder}/{name}.safetensors" for name in ("pulls", "decoys")
    }
    given = {name: finished.results() / file for name, file in (given | inputs).items()}
    for name, file in given.items():
        damaged = tmp_path / file.name
        damaged.write_bytes(file.read_bytes()[:-1])
        options = given | {name: damaged} | {each: tmp_path / "out" / each for each in outputs}
        line = [f"--{option}={value}" for option, value in options.items()]
        done = finished.encens(verb, *line)
        assert f"{damaged} is damaged" in done.stderr
        assert not (tmp_path / "out").exists()
