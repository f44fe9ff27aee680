"""Benchmarks and studies: each program runs all of its code, on sizes that take seconds.

Issue 14.26. A program finds in SMOKE the folder for what it keeps; one that does not look there fails here.
"""

import datetime
import importlib
import json
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from browser import find_chromium
from encoded_ensembles.config.check import check_config
from encoded_ensembles.runs import layout
from programs import SECONDS, work
from warm_jobs import warm_path
from workspace import REPOSITORY

PROGRAMS = sorted(
    str(file.relative_to(REPOSITORY))
    for folder in ("benchmarks", "studies")
    for file in (REPOSITORY / folder).glob("*.py")
    if "__main__" in file.read_text()
)
FIGURES = REPOSITORY / "benchmarks/out/figures.json"
STUDIES = sorted(file.name for file in (REPOSITORY / "docs/studies").iterdir() if file.is_dir())
MAIN = ("digits512", "clipart")
# What programs are given: a finished run, and places in the folder for what they keep.
ARGUMENTS = {
    "benchmarks/arithmetic.py": ["{run}"],
    "benchmarks/demo.py": ["{run}"],
    "benchmarks/first_order.py": ["{run}"],
    "benchmarks/screening.py": ["{run}"],
    "benchmarks/steps.py": ["{run}"],
    "studies/agreement.py": [
        *("{run}", "--truth", "{run}/contrast/contrast.csv", "--column", "joint"),
        *("--output", "{kept}/agreement.parquet"),
    ],
    "studies/autoencoder.py": [
        *("{run}/data/spare.npz", "{kept}/autoencoder"),
        *("--widths", "8", "8", "--epochs", "1"),
    ],
    "studies/factors.py": ["{run}", "--output", "{kept}/factors.parquet"],
    "studies/families.py": ["{run}"],
    "studies/kfac.py": ["{run}", "--levels", "2", "--output", "{kept}/kfac.parquet"],
    "studies/law.py": [
        *("docs/studies/sizes/radius.csv", "--published", "docs/published/radius.csv"),
        *("--output", "{kept}/slope.parquet"),
    ],
    "studies/naming.py": ["{run}", "--output", "{kept}/naming.parquet"],
    "studies/paper.py": [
        *("{run}", "--scheduler", "ddpm", "--output", "{kept}/paper.parquet"),
    ],
    "studies/power.py": ["{run}", "--output", "{kept}"],
    "studies/retrac_along.py": [
        *("{run}", "--levels", "2", "--snapshots", "2", "--output", "{kept}/retrac_along.parquet"),
    ],
    "studies/text_base.py": [
        *("{run}/data", "--output", "{kept}/base", "--coder", "8", "8", "--epochs", "1"),
        *("--widths", "8", "8", "--steps", "2", "--batch", "4"),
    ],
    "studies/unlearning.py": ["{run}", "--levels", "2", "--output", "{kept}/unlearning.parquet"],
    "studies/viability.py": ["{run}", "--output", "{kept}"],
    "studies/published.py": ["{kept}", "--output", "{kept}"],
}
HEAVY = [
    "torch", "diffusers.training_utils", "encoded_ensembles.members.training", "encoded_ensembles.ensemble.sampling",
    "peft", "pandas", "scipy.stats", "matplotlib.pyplot", "pyarrow.parquet",
]  # fmt: skip


@pytest.fixture(scope="module")
def processes():
    """Start processes from one that has imported what most programs import."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(HEAVY)
    return context


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_runs_in_its_smoke_form(processes, finished, tmp_path, program):
    """Issue 14.26: a new program without a smoke form fails here."""
    if program == "benchmarks/gallery.py" and not find_chromium():
        if os.environ.get("CI") == "true":
            pytest.fail("Chromium is not installed")
        pytest.skip("Chromium is not installed")
    kept, run, log, before = tmp_path / "kept", tmp_path / "toy", tmp_path / "log", digest()
    kept.mkdir()
    given = ARGUMENTS.get(program, [])
    if given:
        shutil.copytree(finished.results(), run)  # programs keep what they drew beside it
    arguments = [each.format(run=run, kept=kept) for each in given]
    # one reads the processor seconds of Snakemake's own children
    warm = None if program == "benchmarks/plan.py" else warm_path()
    process = processes.Process(target=work, args=(program, arguments, kept, log, warm))
    process.start()
    process.join(SECONDS)
    if process.exitcode is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.join()
    assert process.exitcode == 0, log.read_text()
    assert any(kept.iterdir()), "it keeps nothing in the folder that SMOKE names"
    assert digest() == before, "it writes where `make bench` does"


def digest():
    """Return what changes when a kept figure or drawing is written."""
    files = [FIGURES, *(REPOSITORY / "docs/figures").iterdir()]
    return {file: file.stat().st_mtime_ns for file in files}


def test_make_bench_runs_on_and_says_which_programs_failed(tmp_path):
    """Issue 14.26: programs behind one that fails run, and the exit code says that one did."""
    shutil.copy(REPOSITORY / "Makefile", tmp_path)
    (tmp_path / "benchmarks").mkdir()
    for name, code in {
        "a": "1 / 0",
        "b": "print('b ran')",
        "screening": "print('screening ran')",
        "machine": "print('machine ran')",
    }.items():
        (tmp_path / f"benchmarks/{name}.py").write_text(code)
    (tmp_path / "ready").touch()
    line = ["make", "bench", f"READY={tmp_path / 'ready'}", f"VENV={sys.prefix}"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2  # make's own, for a command that failed
    assert "screening ran\nb ran\nmachine ran" in done.stdout.replace("\n\n", "\n")
    assert "failed: benchmarks/a.py\n" in done.stderr
    (tmp_path / "benchmarks/a.py").write_text("")
    assert subprocess.run(line, cwd=tmp_path, capture_output=True, check=False).returncode == 0


def test_make_works_in_a_folder_with_blanks_and_refuses_such_an_environment(tmp_path):
    """A path that the shell splits would install elsewhere, and delete there."""
    folder = tmp_path / "a b"
    (folder / "envs").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "envs/requirements.txt"):
        shutil.copy(REPOSITORY / name, folder / name)
    line = ["make", "--no-print-directory", "--dry-run", "install"]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=True)
    assert f'test -x "{folder}/.venv/bin/python" || python3 -m venv ".venv"' in done.stdout
    assert done.stdout.count(f'\n"{folder}/.venv/bin/python" -m pip install') == 2
    assert '\nrm -f ".venv"/.ready-*\n' in done.stdout
    line.append(f"VENV={folder}")
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"VENV is {folder}, expected a path without blanks" in done.stderr


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """benchmarks/machine.py, which keeps figures in a folder of the test."""
    monkeypatch.syspath_prepend(REPOSITORY / "benchmarks")
    monkeypatch.delitem(sys.modules, "machine", raising=False)
    monkeypatch.setenv("SMOKE", str(tmp_path))
    yield importlib.import_module("machine")
    del sys.modules["machine"]


def test_figures_stand_under_the_commit_and_the_date_of_their_program(machine, monkeypatch):
    """Issue 14.26: figures of two commits are not mixed."""
    monkeypatch.setattr(machine, "commit", lambda: "one")
    monkeypatch.setattr(sys, "argv", ["benchmarks/first.py"])
    machine.keep({"old": 1, "same": 2})
    monkeypatch.setattr(sys, "argv", ["benchmarks/second.py"])
    machine.keep({"part": 3})
    machine.keep({"rest": 4})
    monkeypatch.setattr(machine, "commit", lambda: "two")
    monkeypatch.setattr(sys, "argv", ["benchmarks/first.py"])
    machine.keep({"same": 5})
    kept = json.loads(machine.FIGURES.read_text())
    assert kept["second.py"]["commit"] == "one"
    assert kept["second.py"]["figures"] == {"part": 3, "rest": 4}
    assert kept["first.py"]["commit"] == "two"
    assert kept["first.py"]["figures"] == {"same": 5}
    assert kept["first.py"]["date"] == datetime.datetime.now(datetime.UTC).date().isoformat()
    assert kept["first.py"]["machine"] == machine.facts()


def test_every_kept_figure_has_a_commit_and_a_date():
    """Issue 14.26: of the programs that there are, and of no others."""
    kept = json.loads(FIGURES.read_text())
    assert kept.keys() <= {Path(program).name for program in PROGRAMS}
    assert sum(len(each["figures"]) for each in kept.values()) > 100
    for each in kept.values():
        assert re.fullmatch(r"[0-9a-f]{7,40}(-changed)?", each["commit"]), each
        assert re.fullmatch(r"2\d{3}-\d\d-\d\d", each["date"]), each


def own_rules():
    """Return the names of the rules of the studies themselves, and the text of these rules."""
    files = [REPOSITORY / "studies" / name for name in ("Snakefile", "main.smk")]
    text = "".join(file.read_text() for file in files)
    return re.findall(r"^rule (\w+):", text, re.MULTILINE), text


def test_every_study_can_be_made(schema, tmp_path, monkeypatch):
    """Issue 14.26: all that a study reads is made by its own rules or by those of a run, or is in the repository."""
    from snakemake.api import SnakemakeApi
    from snakemake.iocontainers import Wildcards
    from snakemake.settings.types import ConfigSettings, OutputSettings, Quietness, ResourceSettings

    monkeypatch.chdir(REPOSITORY)
    for name in ("training.png", "universe.png", "words.csv"):  # one needs pictures of others
        (tmp_path / name).touch()
    own, text = own_rules()
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=1), workdir=REPOSITORY,
            config_settings=ConfigSettings(config={"published": str(tmp_path)}),
            snakefile=REPOSITORY / "studies/Snakefile",
        )  # fmt: skip
        # Not public: what is public plans all jobs of all runs, which takes two minutes.
        rules = {rule.name: rule for rule in workflow._workflow.rules}
        runs = workflow._workflow.globals["RUNS"]
    of_run = {
        run: [rule for name, rule in rules.items() if name.startswith(f"{run.replace('-', '_')}_")]
        for run in runs
    }
    targets = re.findall(r"^        \"(docs/studies/[\w-]+/made.json)\"", text, re.MULTILINE)
    pipeline = rules["openmoji_fetch_pipeline"].input[0]  # that a study trains for its run
    waiting, jobs, read = [*targets, *rules["studies"].input, pipeline], set(), set()
    while waiting:
        file = str(waiting.pop())
        maker = next((rules[name] for name in own if rules[name].is_producer(file)), None)
        if maker:
            wildcards = maker.get_wildcards(file)
            job = (maker.name, *sorted(wildcards.items()))
            if job not in jobs:
                jobs.add(job)
                waiting += maker.expand_input(Wildcards(fromdict=wildcards))[0]
        elif file.startswith("results/") and file.split("/")[1] in of_run:
            run = file.split("/")[1]
            read.add(run)
            assert any(rule.is_producer(file) for rule in of_run[run]), file
        else:
            assert Path(file).exists(), file
    # What is kept is in every clone: without another file that is not, nothing would be made there.
    keeping = {name for name in own if any("made.json" in str(f) for f in rules[name].output)}
    for name in keeping | {"studies", *MAIN}:
        asked = rules[name].output if name in keeping else rules[name].input
        assert any(str(file).startswith("results/studies/kept/") for file in asked), name
    counts = Counter(name for name, *_ in jobs)
    for rule in ("measure_pictograms", "grade_all", "keep_main"):
        assert counts.pop(rule) == 2
    assert counts.pop("score_beside") == 6
    assert counts.pop("score_every_member") == 16  # runs of the study of viability
    assert set(counts.values()) == {1}
    without_output = {name for name in own if not rules[name].output}
    assert {name for name, *_ in jobs} | without_output == set(own)
    assert read == set(runs)
    trained = {f"sizes-{units}-2": 15 for units in (64, 256, 1024, 2048)}
    for run, networks in (trained | {"naming-128": 15, "planted": 19}).items():
        config = check_config(runs[run], schema)
        found = [*layout.members(config), "full", *layout.retrained(config)]
        assert len(found) == networks, run
    found = {Path(file).parent.name for file in targets} | {*MAIN}
    assert sorted(found) == STUDIES


@pytest.mark.slow
def test_every_study_is_planned(tmp_path):
    """All jobs of all runs, in a dry run."""
    for name in ("training.png", "universe.png", "words.csv"):
        (tmp_path / name).touch()
    given = ["--forceall", "--config", f"published={tmp_path}", "--", "studies", "published"]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--snakefile", "studies/Snakefile", "--dry-run", *given],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("study", STUDIES)
def test_a_kept_study_says_what_made_it(study):
    """Issue 14.27: configurations and commit; what is not known is null, and `afterwards` says why."""
    made = json.loads((REPOSITORY / "docs/studies" / study / "made.json").read_text())
    assert made["runs"].keys() == {each["run"] for each in made["runs"].values()}
    assert re.fullmatch("[0-9a-f]{40}", made["git"]["commit"])
    unknown = made["versions"] is None or made["git"]["changed"] is None
    assert not unknown or "Not known" in made["afterwards"]


def test_the_effects_that_plan_uses_are_the_kept_ones():
    kept = REPOSITORY / "docs/studies/power/effects.csv"
    own = REPOSITORY / "workflow/encoded_ensembles/influence/effects.csv"
    assert own.read_text() == kept.read_text()


def test_kept_share_of_the_seed_is_that_of_the_kept_distances():
    """Issue 14.7: over the units that were retrained with a fresh seed."""
    kept = REPOSITORY / "docs/studies/retraining"
    truth = pd.read_csv(kept / "truth.csv").dropna(subset=["seed"])
    share = pd.read_csv(kept / "retraining.csv").set_index("way")["seed_share"].dropna()
    expected = {way: truth["seed"].mean() / truth[way].mean() for way in ("same", "fresh", "seed")}
    assert share.to_dict() == pytest.approx(expected)
