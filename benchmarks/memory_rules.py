"""Peak memory of each rule of two presets at full size, and of the default run, with tiny networks.

Each job runs by the shell line that Snakemake plans for it, on the files that the jobs before it wrote,
in a process of its own; its peak is VmHWM (Linux). U, B, R, the shapes of images and noise, numbers of blocks and
of held-out images are those of the preset. What is reduced does not change how much is in memory:

- A member is one multiplication; an autoencoder takes and repeats pixels, one picture at a time. `train-member`
  trains a UNet of width 8 on 3 of the batches of an epoch, `train-classifier` its classifier for one epoch.
- 3 of the sampling steps are taken, 7 of those of a trajectory that is followed, and given pictures are denoised at
  2 levels. The noise is whole.
- One job of each rule runs: the largest. The other blocks of the landscape are written from it.
- Two samples or given pictures are compared with the pixels of all images, one by patches, and two have their pulls measured; what
  others have is theirs, varied.
- `measure-influence` computes SSIM, features and directional distances 20 times each, and varies their values for
  the other units.
- Pictures are random: patches in a made archive of CIFAR-10, one colour each instead of CelebA's.

Not run: `plot_loss` and `record_run`, which hold nothing that grows, and `fetch_autoencoder`, a download.

Keeps the table benchmarks/out/memory.csv. A rule's `planned_mb` is the peak that `encens plan` states, and
`requested_mb` what the job asks for, both for networks as tiny as these; `preset_requests_mb` is what
Snakemake asks for with the preset's own. `memory_error` is the largest of |planned - measured| / measured over
rules of all three runs of which either is `COUNTED` MB or more: in smaller ones Python and its packages are most.

    python benchmarks/memory_rules.py                       all runs (an hour, 20 GB in TMPDIR)
    python benchmarks/memory_rules.py --only paper-cifar10  one of them; keeps nothing
"""

import argparse
import csv
import os
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from machine import FIGURES, ROOT, keep, sized

sys.path.insert(0, str(ROOT / "workflow"))

TABLE = FIGURES.parent / "memory.csv"
COUNTED = 500  # MB
LIMIT = 8000  # MB
NOT_RUN = {"all", "plot_loss", "record_run", "fetch_autoencoder"}
LARGEST = {  # of several jobs of a rule, what is in the line of the one that runs
    "train_member": "--output results/{run}/members/full",
    "sample_frechet": "--block 1-of-",
    "ablate_block": "--block 1-of-",
}
TINY = {"widths": [8], "layers_per_block": 1, "attention": False, "norm_groups": 4}
SMALL = """
run: small
dataset: {name: cifar10, part: all, images: 40, heldout: 30, spare: 60}
code: {members: 8, weight: 4, null_words: 5}
training: {epochs: 2}
sampling: {samples: 2, steps: 4}
landscape: {blocks: 2}
frechet: {samples: 8, repeats: 1, blocks: 2}
figures: {samples: [0], top: 2}
"""
RUNS = sized(
    {
        "successor-celeba-latents": "presets/successor-celeba-latents.yaml",
        "paper-cifar10": "presets/paper-cifar10.yaml",
        "digits": "config.yaml",
    },
    smoke={"small": ""},
)
ONLY = sized(set(), smoke={"fetch_dataset", "draw_noise", "encode_units", "sample_ensemble", "ablate_block", "follow_members", "choose_queries", "follow_queries", "train_classifier", "score_rivals", "plot_code"})  # fmt: skip
IMAGES = sized(60_000, smoke=300)


class Row(NamedTuple):
    """A rule of a run, in MB of 10^6 bytes."""

    run: str
    rule: str
    planned_mb: int
    requested_mb: int
    preset_requests_mb: int
    measured_mb: int
    seconds: float


@dataclass(frozen=True)
class Job:
    """A job that Snakemake plans.

    Attributes:
        rule: its rule.
        line: its shell line, without where its output goes.
        asked: MB that it requests.
    """

    rule: str
    line: str
    asked: int


def planned_jobs(place: Path) -> Iterator[Job]:
    """Yield the jobs of the configuration own.yaml in a copy of the workflow, each after those it needs."""
    options = ["--dry-run", "--forceall", "--printshellcmds", "--cores", "1"]
    command = [sys.executable, "-m", "snakemake", *options, "--configfile", "own.yaml"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"snakemake --dry-run failed: {done.stderr}")
    for part in re.split(r"\n(?=\[)", done.stdout):
        rule = re.search(r"^(?:local)?(?:rule|checkpoint) (\w+):$", part, re.MULTILINE)
        line = re.search(
            r"^Shell command: (\s+encens .+?) >\S+ 2>&1", part, re.MULTILINE | re.DOTALL
        )
        if rule and line and rule[1] not in NOT_RUN:
            yield Job(rule[1], line[1], int(re.search(r"mem_mb=(\d+)", part)[1]))


def chosen_jobs(place: Path, run: str) -> list[Job]:
    """Return the largest job of each rule, and both of draw_noise."""
    found: dict[str, Job] = {}
    for job in planned_jobs(place):
        wanted = LARGEST.get(job.rule, "").format(run=run)
        key = job.line if job.rule == "draw_noise" else job.rule
        if wanted in job.line and not (ONLY and job.rule not in ONLY):
            found.setdefault(key, job)
    return list(found.values())


def tiny_line(line: str) -> list[str]:
    """Return the words of a shell line; a network that it trains is made tiny, and sees one epoch."""
    words = shlex.split(line)[1:]
    if words[0] != "train-member":
        return words
    for name, value in {"--widths": "8", "--layers-per-block": "1", "--norm-groups": "4", "--epochs": "1"}.items():  # fmt: skip
        words[words.index(name) + 1] = value
    if "--attention-at" in words:
        first = words.index("--attention-at")
        del words[first : first + 2]
    return words


def run_job(place: Path, job: Job) -> tuple[float, float]:
    """Run a job; return the largest memory it held in MB, and the seconds it took."""
    program, peak = ROOT / "benchmarks/simulated/job.py", place / "peak"
    environment = os.environ | {"PYTHONPATH": str(place / "workflow")}
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(program), str(peak), *tiny_line(job.line)],
        cwd=place, env=environment, check=False, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{job.rule} ended with {done.returncode}: {done.stderr}")
    return int(peak.read_text()) / 1e6, time.perf_counter() - start


def expected(config: Mapping[str, Any], folder: Path) -> tuple[dict[str, int], dict[str, int]]:
    """Return planned and requested MB of each rule, with tiny networks, for the data that was made."""
    from encoded_ensembles.members.network_size import NetworkSize
    from encoded_ensembles.runs.peaks import memory_mb, peak_mb, peaks
    from encoded_ensembles.runs.size import size_of

    trained = {**config, "model": config["model"] | TINY}
    size, unet = size_of(trained, folder)
    still, none = replace(size, weights=1, frozen={}), NetworkSize(1, 0, 1)
    kinds = {"train_member": (size, unet)}
    planned, requested = {}, {}
    for rule in peaks(config, still, none):
        sizes = kinds.get(rule, (still, none))
        planned[rule] = round(peak_mb(rule, peaks(config, *sizes)))
        requested[rule] = memory_mb(rule, config, *sizes, gpu=False)
    return planned, requested


def measure(name: str, text: str) -> list[Row]:
    """Run the jobs of a configuration; return a row for each rule."""
    from encoded_ensembles.config.check import check_config
    from encoded_ensembles.runs.peaks import LEAST_MB, peak_mb
    from simulated import inputs

    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    config = check_config(yaml.safe_load(text), schema)
    rows: dict[str, Row] = {}
    with tempfile.TemporaryDirectory() as temporary:
        place = copied(Path(temporary), text)
        folder = place / "results" / config["run"]
        inputs.make_data(config["dataset"]["name"], place / "resources", images=IMAGES)
        if config["model"]["autoencoder"]:
            inputs.make_autoencoder(folder / "autoencoder")
        for job in chosen_jobs(place, config["run"]):
            peak, seconds = run_job(place, job)
            complete(job.rule, folder, config)
            planned, requested = expected(config, folder)
            row = Row(
                name, job.rule, planned.get(job.rule, round(peak_mb(job.rule, {}))),
                requested.get(job.rule, LEAST_MB), job.asked, round(peak), round(seconds, 1),
            )  # fmt: skip
            print("{:25}{:20}{:8,}{:8,}{:8,}{:8,}{:8,.1f}".format(*row), flush=True)
            rows[job.rule] = max(rows.get(job.rule, row), row, key=lambda each: each.measured_mb)
    return list(rows.values())


def copied(place: Path, text: str) -> Path:
    """Copy the workflow to a folder, with a configuration; return the folder."""
    import shutil

    for part in ("Snakefile", "config.yaml", "profiles", "envs", "workflow"):
        source = ROOT / part
        (shutil.copytree if source.is_dir() else shutil.copy)(source, place / part)
    (place / "own.yaml").write_text(text)
    return place


def complete(rule: str, folder: Path, config: Mapping[str, Any]) -> None:
    """Write the files of the jobs of a rule that do not run, and that others need."""
    from encoded_ensembles.storage.files import read_arrays
    from simulated import inputs

    if rule == "ablate_block":
        blocks = config["landscape"]["blocks"]
        first = folder / f"landscape/1-of-{blocks}.safetensors"
        units = len(read_arrays(folder / "code/code.npz")["code"])
        inputs.complete_landscape(first, units=units, blocks=blocks)
    if rule == "sample_frechet":
        blocks = config["frechet"]["blocks"]
        inputs.copy_samples(folder / f"frechet/samples.1-of-{blocks}.npz", blocks=blocks)


def summed_up(rows: list[Row]) -> dict[str, float]:
    """Return the largest peak of each run, and how far plans are off."""
    found: dict[str, float] = {}
    for row in rows:
        key = f"memory_peak_mb_{row.run}"
        found[key] = max(found.get(key, 0), row.measured_mb)
    errors = [
        abs(row.planned_mb - row.measured_mb) / row.measured_mb
        for row in rows
        if max(row.measured_mb, row.planned_mb) >= COUNTED
    ]
    found["memory_error"] = round(max(errors), 3)
    found["memory_error_median"] = round(statistics.median(errors), 3)
    found["memory_rules_counted"] = len(errors)
    found["memory_above_request"] = sum(row.measured_mb > row.requested_mb for row in rows)
    found["memory_above_8_gb"] = sum(row.measured_mb > LIMIT for row in rows)
    return found


def main() -> None:
    """Measure all runs, and keep table and figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=RUNS, action="append", help="runs; all if absent")
    given = parser.parse_args()
    rows: list[Row] = []
    for name in given.only or RUNS:
        rows += measure(name, (ROOT / RUNS[name]).read_text() if RUNS[name] else SMALL)
    found = summed_up(rows)
    if given.only:
        print(*found.items(), sep="\n")
        return
    with TABLE.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([Row._fields, *rows])
    keep(found)


if __name__ == "__main__":
    main()
