"""The landscape against a loop as the reference scripts do it: one process for each ablation.

Each process loads the n-w members that stay and runs them one after the other at every step, for all
samples of the digits run together: a generous reading, since one process for each picture would start
16 times as often (the figure with `_by_picture`). Ours is one block of the run as Snakemake starts it.
Both count the processor time of whole processes, start-up included.

    python benchmarks/reference.py [same_steps, by_picture, fewer_steps; else all]
"""

import functools
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from machine import SHAPE, encens, keep, run, save_members, sized

STEPS, SAMPLES, UNITS, BLOCKS = sized((50, 16, 128, 4), smoke=(2, 2, 4, 2))
MANY = sized(1000, smoke=STEPS)  # steps of the reference scripts by themselves
FEWER = sized((10, 15, 25), smoke=())  # steps of ours beside those
TURNS = sized(3, smoke=1)


def ablate(noise: Path, steps: int, samples: int, folders: list[str]) -> None:
    """Sample one unit's counterfactuals as the reference scripts do."""
    import torch
    from diffusers import DDIMScheduler, UNet2DModel
    from safetensors.torch import load_file

    torch.use_deterministic_algorithms(True)
    members = [
        UNet2DModel.from_pretrained(folder, use_safetensors=True).eval() for folder in folders
    ]
    z = load_file(noise)["noise"][:, :samples]
    scheduler = DDIMScheduler(num_train_timesteps=1000)
    scheduler.set_timesteps(steps)
    x = z[0]
    with torch.no_grad():
        for number, level in enumerate(scheduler.timesteps, start=1):
            predicted = sum(member(x, level).sample for member in members) / len(members)
            x = scheduler.step(
                predicted, level, x, eta=1.0, use_clipped_model_output=True,
                variance_noise=z[1 + (number - 1) % (len(z) - 1)],
            ).prev_sample  # fmt: skip
    torch.save(x, noise.with_suffix(".out"))


class Runs(NamedTuple):
    """Processor seconds of a unit, both ways, by the number of steps."""

    reference: Callable[..., float]
    ours: Callable[[int], float]


def prepare(folder: Path) -> Runs:
    """Write what both read to a folder, and return how to run them."""
    from encoded_ensembles.codes.masks import sized_keep
    from encoded_ensembles.ensemble.noise import draw_noise
    from encoded_ensembles.storage.files import write_arrays, write_tensors

    members = save_members(folder, 12)
    code = sized_keep(members=12, sizes=[6], repeats=UNITS, seed=0)
    write_arrays(folder / "code.npz", {"code": code})
    noises = {steps: folder / f"noise{steps}.safetensors" for steps in (STEPS, *FEWER)}
    for steps, file in noises.items():
        z = draw_noise(steps=steps, samples=SAMPLES, shape=SHAPE, seed=0)
        write_tensors(file, {"noise": z})

    def reference(steps: int, samples: int = SAMPLES) -> float:
        return run(sys.executable, __file__, "ablate", noises[STEPS], steps, samples, *members[:6])

    def ours(steps: int) -> float:
        seconds = encens(
            "ablate-block", *members, "--code", folder / "code.npz", "--noise", noises[steps],
            "--block", f"1-of-{BLOCKS}", "--output", folder / "block.safetensors",
        )  # fmt: skip
        return seconds / (UNITS // BLOCKS)

    once = sized(lambda each: each, smoke=functools.cache)  # a smoke run starts no process twice
    return Runs(once(reference), once(ours))


def same_steps(runs: Runs) -> dict[str, float]:
    """Compare at equal steps, in turns."""
    found = []
    for _ in range(TURNS):
        found.append((runs.reference(STEPS), runs.ours(STEPS)))
        print(f"processor seconds of a unit: reference {found[-1][0]:.2f}, ours {found[-1][1]:.3f}")
    ratio = statistics.median(theirs / ours for theirs, ours in found)
    return {"landscape_speedup_vs_reference": round(ratio, 1)}


def by_picture(runs: Runs) -> dict[str, float]:
    """Compare with a process for each unit and picture."""
    theirs, ours = SAMPLES * runs.reference(STEPS, 1), runs.ours(STEPS)
    return {"landscape_speedup_vs_reference_by_picture": round(theirs / ours, 1)}


def fewer_steps(runs: Runs) -> dict[str, float]:
    """Compare with the reference at its 1000 steps."""
    long, short = runs.reference(MANY), {steps: runs.ours(steps) for steps in FEWER}
    print(f"processor seconds of a unit: reference at {MANY} steps, ours at", *short)
    print(*(f"{each:8.2f}" for each in (long, *short.values())))
    name = f"landscape_speedup_vs_reference_{MANY}_steps"
    return {f"{name}_{steps}_of_ours": round(long / own, 1) for steps, own in short.items()}


def main(parts: list[str]) -> None:
    """Run the parts that are named, or all."""
    with tempfile.TemporaryDirectory() as name:
        runs = prepare(Path(name))
        for part in (same_steps, by_picture, fewer_steps):
            if not parts or part.__name__ in parts:
                keep(part(runs))


if __name__ == "__main__":
    if sys.argv[1:2] == ["ablate"]:
        ablate(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:])
    else:
        main(sys.argv[1:])
