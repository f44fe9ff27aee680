"""What `encens plan` says a run takes against what it then takes: processor seconds, and memory.

Each run is made from nothing in a copy of the workflow. Seconds are those of all jobs, without Snakemake's
own, of two small runs. Memory is the largest that any job of a rule held (VmHWM, which each job writes down
when it ends) against the peak that was planned, of these runs and of three presets: `mnist5k` in its smoke
form (a network of usual widths), `pictures` on 120 made pictures of 64x64 (large images), and `digits512`
with few steps and 100 samples (long tables). Jobs ask for `peaks.MARGIN` times the peak; what is kept of a
run is the largest ratio of held to planned over its rules.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml
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
# Presets, by what is laid over them.
SMALL: dict[str, dict[str, Any]] = {
    "mnist5k": {"smoke": True},
    "pictures": {
        "dataset": {"size": 64, "heldout": 20},
        "code": {"null_words": 20},
        "training": {"epochs": 2},
        "sampling": {"steps": 2},
        "contrast": {"levels": 999},
        "frechet": {"samples": 40, "repeats": 1},
    },
    "digits512": {
        "training": {"epochs": 4},
        "sampling": {"samples": 100, "steps": 2},
        "contrast": {"levels": 999},
        "retrain": {"units": 1},
        "rivals": {"gradients": False, "journey": 0},
        "heldout": {"models": 2},
        "frechet": {"samples": 64},
    },
}
PRESETS = sized(SMALL, smoke={"pictures": SMALL["pictures"]})
# A smoke run measures each rate once, does not measure what starting jobs takes, and runs the first job only.
QUICKLY = "rates.TURNS = 1; rates.START = rates.START_LIGHT = rates.START_FIGURE = 'pass'"
PLAN = f"from encoded_ensembles import cli; from encoded_ensembles.runs import rates; {sized('pass', smoke=QUICKLY)}; cli.main()"
FIRST_JOB = sized([], smoke=["--until", "fetch_dataset"])
# Imported by each job before all else (Linux).
WITNESS = """
import atexit, os, sys

def tell():
    if os.path.basename(sys.argv[0]) == "encens" and len(sys.argv) > 1:
        with open("/proc/self/status") as status:
            peak = next(line for line in status if line.startswith("VmHWM")).split()[1]
        with open(os.environ["PEAKS"], "a") as file:
            file.write(f"{sys.argv[1]} {int(peak) * 1024 / 1e6:.0f}\\n")

atexit.register(tell)
"""
VERBS = {"train_members": "train_member"}  # of rules of other names


def copied(place: Path, text: str) -> dict[str, str]:
    """Copy the workflow to a folder with a configuration; return the environment for its jobs."""
    for part in ("Snakefile", "config.yaml", "profiles", "envs", "workflow"):
        source = ROOT / part
        (shutil.copytree if source.is_dir() else shutil.copy)(source, place / part)
    (place / "own.yaml").write_text(text)
    (place / "witness").mkdir()
    (place / "witness" / "sitecustomize.py").write_text(WITNESS)
    return os.environ | {
        "PYTHONPATH": f"{place / 'witness'}{os.pathsep}{place / 'workflow'}",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PEAKS": str(place / "peaks.txt"),
    }


def run(place: Path, environment: dict[str, str]) -> float:
    """Run Snakemake and return the processor seconds of its jobs alone (Linux)."""
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--configfile", "own.yaml"]
    with (place / "snakemake.log").open("w") as log:
        process = subprocess.Popen(
            [*command, *FIRST_JOB], cwd=place, env=environment, stdout=log, stderr=log
        )
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    if process.wait():
        raise SystemExit(f"the run failed: {(place / 'snakemake.log').read_text()}")
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def compare_peaks(name: str, place: Path, planned: Callable[[str], float]) -> float:
    """Print planned and held MB of each rule that ran; return the largest ratio of held to planned."""
    held: dict[str, float] = {}
    for line in (place / "peaks.txt").read_text().splitlines():
        verb, peak = line.replace("-", "_").split()
        rule = VERBS.get(verb, verb)
        held[rule] = max(held.get(rule, 0), float(peak))
    for rule, peak in sorted(held.items()):
        print(f"{name:10} {rule:20} planned {planned(rule):7,.0f} MB, held {peak:7,.0f} MB")
    return round(max(peak / planned(rule) for rule, peak in held.items()), 3)


def plan_and_run(name: str, text: str) -> dict[str, float]:
    """Plan a run and run it; return how far the seconds are off, and the ratio of memory."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        environment = copied(place, text)
        options = ["--configfile", "own.yaml", "--output", "plan.json"]
        planning = [sys.executable, "-c", PLAN, "plan", *options]
        subprocess.run(planning, check=True, stdout=subprocess.DEVNULL, cwd=place, env=environment)
        found = json.loads((place / "plan.json").read_text())
        planned, taken = found["total"]["seconds"], run(place, environment)
        print(f"{name:10} planned {planned:6.1f} s, taken {taken:6.1f} s")
        peaks = {row["rule"]: row["peak_mb"] for row in found["rules"]}
        return {
            f"plan_error_{name}": round(abs(planned - taken) / taken, 3),
            f"plan_peak_ratio_{name}": compare_peaks(name, place, peaks.__getitem__),
        }


def laid_over(name: str, over: Mapping[str, Any]) -> dict[str, Any]:
    """Return a preset with something laid over it."""
    written = yaml.safe_load((ROOT / f"presets/{name}.yaml").read_text())
    for key, value in over.items():
        written[key] = written.get(key, {}) | value if isinstance(value, dict) else value
    return dict(written)


def checked(written: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration with defaults."""
    from encoded_ensembles.config.check import check_config

    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    return check_config(written, schema)


def preset_peaks(name: str, over: Mapping[str, Any]) -> dict[str, float]:
    """Run a preset with something laid over it; return the ratio of memory."""
    from encoded_ensembles.runs.peaks import peak_mb, peaks
    from encoded_ensembles.runs.size import size_of
    from PIL import Image

    written = laid_over(name, over)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        pictures = place / "pictures"
        pictures.mkdir()
        for number, pixels in enumerate(
            np.random.default_rng(0).integers(0, 256, (120, 64, 64, 3))
        ):
            Image.fromarray(pixels.astype(np.uint8)).save(pictures / f"{number}.png")
        if written.get("dataset", {}).get("path"):
            written["dataset"]["path"] = str(pictures)
        environment = copied(place, yaml.safe_dump(written))
        config = checked(written)
        expected = peaks(config, *size_of(config, place / "results" / config["run"]))
        run(place, environment)
        ratio = compare_peaks(name, place, lambda rule: peak_mb(rule, expected))
    return {f"plan_peak_ratio_{name}": ratio}


def main() -> None:
    """Plan and run all."""
    for name, over in SMALL.items():
        checked(laid_over(name, over))  # all of them at the start, also in a smoke run
    figures: dict[str, float] = {}
    for name, text in RUNS.items():
        figures |= plan_and_run(name, text)
    for name, over in PRESETS.items():
        figures |= preset_peaks(name, over)
    for kind in ("plan_error", "plan_peak_ratio"):
        figures[kind] = max(value for key, value in figures.items() if key.startswith(kind))
    keep(figures)


if __name__ == "__main__":
    main()
