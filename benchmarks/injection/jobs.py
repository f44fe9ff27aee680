"""The jobs of a small run, each the shell line of its rule, run in children of one process.

The shell lines are Snakemake's own, from a dry run. A child starts with everything imported, so that
hundreds of them are cheap; what it does is what `encens` does.
"""

import importlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from encoded_ensembles import cli

ROOT = Path(__file__).parent.parent.parent
CONFIG = ROOT / "benchmarks" / "faults.yaml"
RUN = Path("results/faults")
ON_DEMAND = [
    "influence/false_attribution.parquet", "grade/null_check.parquet", "studies/levels.parquet",
    "studies/levels.pdf", "studies/members.parquet", "studies/retraining.parquet",
]  # fmt: skip
HEAVY = [
    "torch", "encoded_ensembles.members.training", "encoded_ensembles.ensemble.sampling", "encoded_ensembles.data.plants",
    "encoded_ensembles.figures.grading", "encoded_ensembles.figures.evidence", "diffusers.training_utils",
    "matplotlib.backends.backend_pdf", "pyarrow.parquet", "pandas", "scipy.stats", "sklearn.datasets",
    "safetensors.torch", "yaml", "encodings.cp437", "encodings.unicode_escape",
]  # fmt: skip


class Row(NamedTuple):
    """One injected fault; the outcome is SAME or REFUSED, or what went wrong."""

    fault: str
    where: str
    said: str
    redone: str
    outcome: str


SAME = "same bytes"  # in the end
REFUSED = (
    "refused"  # by name, with nothing left behind; of downloads, where no address has the file
)


@dataclass(frozen=True)
class Job:
    """A job of the run: its rule, its shell line without redirections, its files in the run."""

    rule: str
    name: str
    argv: list[str]
    inputs: list[Path]
    outputs: list[Path]


class Ended(NamedTuple):
    """How a job ended: exit code, negative for a signal; what it printed; how long it took."""

    code: int
    said: str
    seconds: float

    @property
    def sentence(self) -> str:
        """The last line that it printed."""
        lines = self.said.strip().splitlines()
        return lines[-1] if lines else "nothing"


def start_snakemake(
    folder: Path, *arguments: str, config: Path = CONFIG
) -> "subprocess.Popen[str]":
    """Start Snakemake on the run in a folder, in a session of its own."""
    line = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), "-d", str(folder),
            "--configfile", str(config), "--cores", "1", *arguments]  # fmt: skip
    # The package of this copy, whatever is installed; `encens` from beside the interpreter.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.Popen(
        line, cwd=folder, env=dict(os.environ, PYTHONPATH=str(ROOT / "workflow"), PATH=path),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip


def snakemake(folder: Path, *arguments: str, config: Path = CONFIG) -> Ended:
    """Run Snakemake on the run in a folder to its end."""
    begun = time.monotonic()
    process = start_snakemake(folder, *arguments, config=config)
    said = process.communicate()[0]
    return Ended(process.returncode, said, time.monotonic() - begun)


def prepare(folder: Path) -> None:
    """Put into a folder what Snakemake takes from there."""
    shutil.copy(ROOT / "config.yaml", folder)
    shutil.copytree(ROOT / "profiles", folder / "profiles")


def plan(folder: Path, config: Path) -> list[Job]:
    """Return the jobs of the run, by a dry run, and of what is made on demand in the usual one.

    Raises:
        RuntimeError: it fails.
    """
    demanded = [str(RUN / file) for file in ON_DEMAND] if config == CONFIG else []
    ended = snakemake(folder, "-n", "-p", "all", *demanded, config=config)
    if ended.code:
        raise RuntimeError(ended.said)
    return _parse(ended.said)


def _parse(printed: str) -> list[Job]:
    """Read jobs off what a dry run printed."""
    jobs = []
    for block in re.split(r"\n(?:local)?(?:rule|checkpoint) ", printed)[1:]:
        line = re.search(r"Shell command: \n +(encens .+)", block)
        if not line:
            continue
        parts = dict(re.findall(r"^    (input|output|log): (.+)$", block, re.MULTILINE))
        files = {
            part: [
                Path(file)
                for file in parts.get(part, "").split(", ")
                if file.startswith("results/")
            ]
            for part in ("input", "output")
        }
        argv = shlex.split(line[1])
        argv = argv[: next(i for i, each in enumerate(argv) if each.startswith(">"))]
        rule = block.partition(":")[0]
        name = parts["log"].partition("/logs/")[2].removesuffix(".log")
        if rule == "train_member":
            argv += ["--checkpoint-seconds", "0"]  # so that faults hit checkpoints, too
        jobs.append(Job(rule, name, argv, files["input"], files["output"]))
    return jobs


def run(job: Job, *, kill_after: float | None = None, user: int | None = None) -> Ended:
    """Run a job in a child of this process, killed after some seconds or as another user if asked."""
    return call(job.argv, kill_after=kill_after, user=user)


def call(argv: list[str], *, kill_after: float | None = None, user: int | None = None) -> Ended:
    """Run a verb in a child of this process."""
    return fork(lambda: _verb(argv), kill_after=kill_after, user=user)


def _verb(argv: list[str]) -> None:
    sys.argv = argv
    cli.main()


def fork(
    work: Callable[[], None], *, kill_after: float | None = None, user: int | None = None
) -> Ended:
    """Do some work in a child of this process, and return how it ended."""
    sys.stdout.flush()
    with tempfile.TemporaryFile("w+") as printed:
        begun = time.monotonic()
        child = os.fork()
        if not child:
            _child(work, printed.fileno(), user)
        if kill_after is not None:
            time.sleep(kill_after)
            os.kill(child, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        seconds = time.monotonic() - begun
        printed.seek(0)
        return Ended(code, printed.read(), seconds)


def _child(work: Callable[[], None], printed: int, user: int | None) -> None:
    """Work, print to a file, and exit."""
    code = 1
    try:
        os.dup2(printed, 1)
        os.dup2(printed, 2)
        if user is not None:
            os.setuid(user)
        work()
        code = 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
        if isinstance(stop.code, str):
            print(stop.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


@dataclass(frozen=True)
class World:
    """A finished run in the current folder, and what it looks like undisturbed.

    Attributes:
        jobs: of the run, in an order in which they can run.
        wanted: bytes of each output.
        seconds: that each job took, by name.
    """

    jobs: list[Job]
    wanted: dict[Path, bytes]
    seconds: dict[str, float]

    def of_every_rule(self) -> list[Job]:
        """Return one job of every rule."""
        return list({job.rule: job for job in self.jobs}.values())

    def maker(self, file: Path) -> Job:
        """Return the job that makes a file."""
        return next(job for job in self.jobs if file in job.outputs)

    def wrong(self, job: Job) -> list[Path]:
        """Return the outputs of a job that are not there, or not as undisturbed."""
        return [
            file
            for file in job.outputs
            if not file.exists() or file.read_bytes() != self.wanted[file]
        ]

    def descendants(self, file: Path) -> list[str]:
        """Return the rules of what depends on a file."""
        made, rules = {file}, []
        for job in self.jobs:
            if made.intersection(job.inputs):
                made.update(job.outputs)
                rules.append(job.rule)
        return list(dict.fromkeys(rules))


def forget(job: Job) -> None:
    """Remove the outputs of a job."""
    for file in job.outputs:
        file.unlink(missing_ok=True)


def make_world(folder: Path, config: Path = CONFIG) -> World:
    """Run every job once in a folder, which becomes the current one.

    Raises:
        RuntimeError: one fails.
    """
    for name in HEAVY:
        importlib.import_module(name)
    prepare(folder)
    os.chdir(folder)
    waiting, jobs, seconds = plan(folder, config), [], {}
    made = {file for job in waiting for file in job.outputs}
    while waiting:
        job = next(j for j in waiting if all(f.exists() for f in j.inputs if f in made))
        waiting.remove(job)
        ended = run(job)
        if ended.code or not all(file.exists() for file in job.outputs):
            raise RuntimeError(f"{job.name} fails undisturbed: {ended.said}")
        seconds[job.name] = ended.seconds
        jobs.append(job)
    wanted = {file: file.read_bytes() for job in jobs for file in job.outputs}
    return World(jobs, wanted, seconds)
