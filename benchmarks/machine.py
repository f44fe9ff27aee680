"""What the figures were measured on, and what all benchmarks share: clocks, repeats, the file they keep.

Other work may run on the same machine. So everything that is compared runs in turns in one process,
by the processor time of the thread (wall time beside it where a process of its own is started), and
the figure is the median over turns of the ratio within a turn.

`make bench` keeps figures in benchmarks/out/figures.json: for each program what it found, and the commit, the
date and the machine it was measured at. With SMOKE=FOLDER in the environment each program runs all of its
code on sizes that take seconds, and keeps figures and drawings in that folder, where they mean nothing.

Prints the machine, and the programs whose figures are of another commit.
"""

import datetime
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy and torch start

Sizes = TypeVar("Sizes")
ROOT = Path(__file__).parent.parent
SMOKE = os.environ.get("SMOKE")
FIGURES = (Path(SMOKE) if SMOKE else ROOT / "benchmarks" / "out") / "figures.json"
DRAWINGS = Path(SMOKE) if SMOKE else ROOT / "docs" / "figures"
if SMOKE:
    Path(SMOKE).mkdir(parents=True, exist_ok=True)
SHAPE = (1, 8, 8)  # of the digits
NETWORK = {"widths": [16, 32], "layers_per_block": 1, "attention": False}  # of the default run


def sized(usual: Sizes, *, smoke: Sizes) -> Sizes:
    """Return the usual sizes, or those of a smoke run."""
    return smoke if SMOKE else usual


def facts() -> dict[str, Any]:
    """Return what the figures depend on beside the code: processor, threads, versions."""
    from importlib.metadata import version

    lines = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.split(":")[1].strip() for line in lines.splitlines() if "model name" in line]
    return {
        "processor": names[0] if names else platform.machine(),
        "processors": os.cpu_count(),
        "threads": int(os.environ["OMP_NUM_THREADS"]),
        "python": platform.python_version(),
        "torch": version("torch"),
    }


def commit() -> str:
    """Return the commit, with "-changed" where files differ from it that are not written by benchmarks."""

    def git(*arguments: str) -> str:
        line = ["git", *arguments]
        return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False).stdout

    written = [":!benchmarks/out", ":!docs/figures"]
    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", *written)
    return (git("rev-parse", "HEAD").strip() or "unknown") + ("-changed" if changed else "")


def kept() -> dict[str, dict[str, Any]]:
    """Return what is kept of each program: commit, date, machine and figures."""
    return json.loads(FIGURES.read_text()) if FIGURES.exists() else {}


def keep(found: Mapping[str, Any]) -> None:
    """Add figures to those kept of the running program, and print them.

    Figures of the program that were measured at another commit or on another machine are dropped.
    """
    program = Path(sys.argv[0]).name
    here = {"commit": commit(), "machine": facts()}
    known = kept()
    before = known.get(program, {})
    same = all(before.get(name) == value for name, value in here.items())
    known[program] = here | {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "figures": (before["figures"] if same else {}) | dict(found),
    }
    FIGURES.parent.mkdir(exist_ok=True)
    FIGURES.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
    for key, value in found.items():
        print(f"{key:52} {value}")


def finished_run(config: str, needed: str) -> Path:
    """Return the folder of a finished run: the one given on the command line, or one that is made here.

    Args:
        config: file of its configuration, from the root of the repository; tests/toy.yaml in a smoke run.
        needed: file of the run that must be there.
    """
    if len(sys.argv) > 1:
        return Path(sys.argv[1])
    import yaml

    config = sized(config, smoke="tests/toy.yaml")
    run = ROOT / "results" / yaml.safe_load((ROOT / config).read_text())["run"]
    if not (run / needed).exists():
        target = str((run / needed).relative_to(ROOT))
        snakemake = [sys.executable, "-m", "snakemake", "--cores", "all", "--configfile", config]
        subprocess.run([*snakemake, "--", target], cwd=ROOT, check=True)
    return run


def sampler_of(config: str) -> str:
    """Return the sampler that a file of configuration names; of tests/toy.yaml in a smoke run."""
    import yaml

    text = (ROOT / sized(config, smoke="tests/toy.yaml")).read_text()
    return str(yaml.safe_load(text)["sampling"]["scheduler"])


def in_turns(
    work: Mapping[str, Callable[[], object]],
    *,
    turns: int,
    clock: Callable[[], float] = time.thread_time,
) -> dict[str, list[float]]:
    """Return the seconds of each piece of work, one after the other, `turns` times after a warm-up."""
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(turns + 1):
        for name, each in work.items():
            start = clock()
            each()
            if turn:
                seconds[name].append(clock() - start)
    return seconds


def members(count: int) -> list[Any]:
    """Return networks of the default run with initial weights: speed does not depend on weights."""
    from encoded_ensembles.members.network import build_unet, unet_config

    config = unet_config(shape=SHAPE, **NETWORK)
    return [build_unet(config, seed=m).eval().requires_grad_(False) for m in range(count)]


def save_members(folder: Path, count: int) -> list[Path]:
    """Write such networks as `train-member` does, and return their folders."""
    from encoded_ensembles.members.network import save_network

    folders = [folder / f"{m:02d}" for m in range(count)]
    for member, path in zip(members(count), folders, strict=True):
        save_network(member, path)
    return folders


def run(*command: object) -> float:
    """Run a command to its end in a process of its own; return the processor seconds it took."""
    import resource

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow")}
    done = subprocess.run(
        [str(part) for part in command], env=environment, check=False, text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed: {done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def encens(*arguments: object) -> float:
    """Run a verb of `encens` of this checkout; return the processor seconds it took."""
    return run(sys.executable, "-c", "from encoded_ensembles.cli import main; main()", *arguments)


if __name__ == "__main__":
    keep({})
    for name, value in facts().items():
        print(f"{name:12} {value}")
    for program, each in kept().items():
        if each["commit"] != commit():
            print(f"figures of {program} are of another commit: {each['commit']}, {each['date']}")
