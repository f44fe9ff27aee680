"""What Snakemake itself has to stand: another one beside it, being killed, clocks that go back."""

import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import chdir
from pathlib import Path

from injection.damage import corrupt
from injection.jobs import RUN, SAME, Row, World, call, prepare, snakemake, start_snakemake

TARGET = str(RUN / "code/code.npz")
MADE = ["data/training.npz", "data/dataset.json", "code/code.npz", "code/units.parquet"]
DAY = 86400


def disturbed(world: World, rng: random.Random, limit: int | None) -> Iterator[Row]:
    """Make the first files of the run with Snakemake under each disturbance."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder) / "finished"
        base.mkdir()
        prepare(base)
        done = snakemake(base, TARGET)
        if done.code:
            raise RuntimeError(f"Snakemake fails undisturbed: {done.said}")
        faults: list[Callable[[World, random.Random, Path], Row]] = [
            _two, _two_after_kill, _ahead, _inputs_newer, _went_back_while_running, _deleted,
        ]  # fmt: skip
        for number, fault in enumerate(faults[:limit]):
            here = Path(folder) / str(number)
            shutil.copytree(base, here)  # keeps the times of files
            yield fault(world, rng, here)


def _problem(world: World, folder: Path) -> str | None:
    """Return which file is not as undisturbed, if one is."""
    for file in (RUN / name for name in MADE):
        if not (folder / file).exists():
            return f"{file} is missing"
        if (folder / file).read_bytes() != world.wanted[file]:
            return f"other bytes: {file}"
    return None


def _rules(said: str) -> str:
    """Return the rules that Snakemake ran."""
    done = [line.split("(Rule: ")[1].rstrip(")") for line in said.splitlines() if "(Rule: " in line]
    return ", ".join(done) or "nothing"


def _start(folder: Path) -> "subprocess.Popen[str]":
    """Start a Snakemake with all its work before it, and return once it holds the lock."""
    shutil.rmtree(folder / RUN)
    process = start_snakemake(folder, TARGET)
    locks = folder / ".snakemake/locks"
    while not (locks.is_dir() and any(locks.iterdir())):
        if process.poll() is not None:
            raise RuntimeError(process.communicate()[0])
        time.sleep(0.05)
    return process


def _two(world: World, rng: random.Random, folder: Path) -> Row:
    """A second Snakemake while one runs: refused, and the first goes on."""
    first = _start(folder)
    second = snakemake(folder, TARGET)
    said = first.communicate()[0]
    problem = second.code != 1 and "the second was not refused"
    problem = problem or ("cannot be locked" not in second.said and second.said[-200:])
    return Row(
        "two Snakemakes", "started at once", "Directory cannot be locked", _rules(said),
        problem or _problem(world, folder) or SAME,
    )  # fmt: skip


def _two_after_kill(world: World, rng: random.Random, folder: Path) -> Row:
    """Snakemake killed: the next one is refused until it is unlocked, then ends the work."""
    first = _start(folder)
    time.sleep(rng.uniform(0, 3))
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    second = snakemake(folder, TARGET)
    snakemake(folder, "--unlock")
    third = snakemake(folder, TARGET)
    problem = (second.code != 1 or "cannot be locked" not in second.said) and "not refused"
    return Row(
        "kill -9", "Snakemake with its jobs", "Directory cannot be locked", _rules(third.said),
        problem or _problem(world, folder) or SAME,
    )  # fmt: skip


def _shift(folder: Path, names: list[str], seconds: float) -> None:
    """Date files later by some seconds."""
    for name in names:
        date = (folder / RUN / name).stat().st_mtime + seconds
        os.utime(folder / RUN / name, (date, date))


def _ahead(world: World, rng: random.Random, folder: Path) -> Row:
    """Files of the future: refused, since what is made now would look older than they do."""
    files = [file for file in (folder / RUN).rglob("*") if file.is_file()]
    _shift(folder, [str(file.relative_to(folder / RUN)) for file in files], DAY)
    first = snakemake(folder, TARGET)
    redated = call(["encens", "check-run", str(folder / RUN), "--redate"])
    then = snakemake(folder, TARGET)
    problem = (first.code != 1 or "is dated in the future" not in first.said) and "accepted"
    problem = problem or (redated.code and redated.said) or (then.code and then.said[-200:])
    said = next((line for line in first.said.splitlines() if "in the future" in line), "")
    return Row(
        "clock went back a day", "before a second run", said, _rules(then.said),
        problem or _problem(world, folder) or SAME,
    )  # fmt: skip


def _inputs_newer(world: World, rng: random.Random, folder: Path) -> Row:
    """Inputs that are newer than outputs, by less than is refused: redone."""
    _shift(folder, ["data/training.npz"], 50)
    done = snakemake(folder, TARGET)
    return Row(
        "clock went back 50 s", "between fetch_dataset and encode_units", "nothing",
        _rules(done.said), (done.code and done.said[-200:]) or _problem(world, folder) or SAME,
    )  # fmt: skip


def _went_back_while_running(world: World, rng: random.Random, folder: Path) -> Row:
    """The clock goes back while Snakemake runs: later files have earlier dates."""
    _shift(folder, ["code/code.npz", "code/units.parquet", "code/images.parquet"], -DAY)
    done = snakemake(folder, TARGET)
    return Row(
        "clock went back a day", "between fetch_dataset and encode_units", "nothing",
        _rules(done.said), (done.code and done.said[-200:]) or _problem(world, folder) or SAME,
    )  # fmt: skip


def _deleted(world: World, rng: random.Random, folder: Path) -> Row:
    """A damaged file deleted by check-run: Snakemake redoes it and what depends on it only."""
    file = RUN / "code/code.npz"
    how = corrupt(folder / file, rng)
    with chdir(folder):  # what is said has the path that was given
        found = call(["encens", "check-run", str(RUN), "--delete"])
    done = snakemake(folder, TARGET)
    rules = _rules(done.said)
    problem = (str(file) not in found.said and found.said) or (rules != "encode_units" and rules)
    said = found.said.splitlines()[0]
    return Row(
        f"damaged, by Snakemake: {how}", str(file), said, rules,
        problem or _problem(world, folder) or SAME,
    )  # fmt: skip
