"""What `encens plan` says a run takes against what it then takes, on two small runs from nothing.

Both are processor seconds of all jobs, without Snakemake's own, in a copy of the workflow.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from machine import ROOT, keep, sized

# The toy run of the tests, of which most is starting jobs, and one of which most is work.
USUAL = {
    "toy": (ROOT / "tests/toy.yaml").read_text(),
    "small": """
run: small
dataset: {images: 56, heldout: 64, spare: 100}
code: {members: 8, weight: 4, null_words: 10}
training: {epochs: 250, steps_per_epoch: 1}
sampling: {samples: 8, steps: 20}
landscape: {blocks: 1}
influence: {distances: []}
frechet: {samples: 64, repeats: 1, blocks: 1}
figures: {samples: [0], top: 2}
""",
}
RUNS = sized(USUAL, smoke={"toy": USUAL["toy"]})
# A smoke run measures each rate once, does not measure what starting jobs takes, and runs the first job only.
QUICKLY = "rates.TURNS = 1; rates.START = rates.START_LIGHT = rates.START_FIGURE = 'pass'"
PLAN = f"from encoded_ensembles import cli, rates; {sized('pass', smoke=QUICKLY)}; cli.main()"
TARGETS = sized([], smoke=["--", "results/toy/data/training.npz"])


def jobs_seconds(command: list[str], place: Path, environment: dict[str, str]) -> float:
    """Run Snakemake and return the processor seconds of its jobs alone (Linux)."""
    with (place / "snakemake.log").open("w") as log:
        process = subprocess.Popen(command, cwd=place, env=environment, stdout=log, stderr=log)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    if process.wait():
        raise SystemExit(f"the run failed: {(place / 'snakemake.log').read_text()}")
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def compare(place: Path, text: str) -> tuple[float, float]:
    """Plan a run and run it in a copy of the workflow; return the seconds planned and taken."""
    for part in ("Snakefile", "config.yaml", "profiles", "envs", "workflow"):
        source = ROOT / part
        (shutil.copytree if source.is_dir() else shutil.copy)(source, place / part)
    (place / "own.yaml").write_text(text)
    environment = os.environ | {
        "PYTHONPATH": str(place / "workflow"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    options = ["--configfile", "own.yaml", "--output", "plan.json"]
    planning = [sys.executable, "-c", PLAN, "plan", *options]
    subprocess.run(planning, check=True, stdout=subprocess.DEVNULL, cwd=place, env=environment)
    planned = json.loads((place / "plan.json").read_text())["total"]["seconds"]
    snakemake = [sys.executable, "-m", "snakemake", "--cores", "1", "--configfile", "own.yaml"]
    return planned, jobs_seconds([*snakemake, *TARGETS], place, environment)


def main() -> None:
    """Plan and run both."""
    figures = {}
    for name, text in RUNS.items():
        with tempfile.TemporaryDirectory() as folder:
            planned, taken = compare(Path(folder), text)
        print(f"{name:6} planned {planned:6.1f} s, taken {taken:6.1f} s")
        figures[f"plan_error_{name}"] = round(abs(planned - taken) / taken, 3)
    keep(figures | {"plan_error": max(figures.values())})


if __name__ == "__main__":
    main()
