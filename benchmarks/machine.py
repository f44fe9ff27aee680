"""What the figures were measured on, and what all benchmarks share: clocks, repeats, the file they keep.

Other work may run on the same machine. So everything that is compared runs in turns in one process,
by the processor time of the thread (wall time beside it where a process of its own is started), and
the figure is the median over turns of the ratio within a turn.

Prints the machine; `make bench` keeps it in benchmarks/out/figures.json.
"""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy and torch start

FIGURES = Path(__file__).parent / "out" / "figures.json"
ROOT = Path(__file__).parent.parent
SHAPE = (1, 8, 8)  # of the digits
NETWORK = {"widths": [16, 32], "layers_per_block": 1, "attention": False}  # of the default run


def facts() -> dict[str, Any]:
    """Return what the figures depend on: processor, threads, versions, commit."""
    from importlib.metadata import version

    lines = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.split(":")[1].strip() for line in lines.splitlines() if "model name" in line]
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True
    )
    return {
        "processor": names[0] if names else platform.machine(),
        "processors": os.cpu_count(),
        "threads": int(os.environ["OMP_NUM_THREADS"]),
        "python": platform.python_version(),
        "torch": version("torch"),
        "commit": commit.stdout.strip(),
    }


def keep(found: Mapping[str, Any]) -> None:
    """Add figures to those kept, and print them."""
    FIGURES.parent.mkdir(exist_ok=True)
    known = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    FIGURES.write_text(
        json.dumps(known | dict(found) | {"machine": facts()}, indent=1, sort_keys=True) + "\n"
    )
    for key, value in found.items():
        print(f"{key:52} {value}")


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
    from encoded_ensembles.unet import build_unet, unet_config

    config = unet_config(shape=SHAPE, **NETWORK)
    return [build_unet(config, seed=m).eval().requires_grad_(False) for m in range(count)]


def save_members(folder: Path, count: int) -> list[Path]:
    """Write such networks as `train-member` does, and return their folders."""
    from encoded_ensembles.unet import save_network

    folders = [folder / f"{m:02d}" for m in range(count)]
    for member, path in zip(members(count), folders, strict=True):
        save_network(member, path)
    return folders


def run(*command: object) -> float:
    """Run a command to its end in a process of its own; return the processor seconds it took."""
    import resource

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow")}
    subprocess.run([str(part) for part in command], check=True, env=environment,
                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def encens(*arguments: object) -> float:
    """Run a verb of `encens` of this checkout; return the processor seconds it took."""
    return run(sys.executable, "-c", "from encoded_ensembles.cli import main; main()", *arguments)


if __name__ == "__main__":
    keep({})
    for name, value in facts().items():
        print(f"{name:12} {value}")
