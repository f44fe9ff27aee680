"""Training near the rate of forward and backward passes, and what a job costs beside its training.

The limit is a loop of nothing but forward, loss and backward on one batch of 64 digits; ours is all
that a step of `train-member` does: keyed noise, Adam, the moving average, the record of the loss. What
comes once in a training is left out, by taking a short training off a long one. A job's overhead is the
processor time of a whole `train-member` of one step: start-up, reading, writing; with `train-members` that
of four, over four. `job_startup_cpu_seconds` is that of the start alone: all imports, as `encens plan` counts it; `torch_import_cpu_seconds` that of torch among them.
"""

import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from machine import NETWORK, SHAPE, encens, in_turns, keep, run, sized

IMAGES, STEPS, SHORT, TURNS = sized((64, 44, 4, 5), smoke=(4, 2, 1, 1))
JOBS, TOGETHER = sized((3, 4), smoke=(1, 2))  # jobs of each kind; members of one
OPTIONS = [
    "--widths", "16,32", "--layers-per-block", 1, "--epochs", 1, "--steps-per-epoch", 1,
    "--learning-rate", 2e-3, "--ema", 0.995,
]  # fmt: skip


def main() -> None:
    """Measure both in turns, then a job."""
    import numpy as np
    import torch
    from encoded_ensembles.members.batches import Recipe
    from encoded_ensembles.members.device import choose_device
    from encoded_ensembles.members.network import build_unet, unet_config
    from encoded_ensembles.members.training import train
    from encoded_ensembles.runs import rates

    cpu = choose_device("cpu")
    config = unet_config(shape=SHAPE, **NETWORK)
    images = np.random.default_rng(0).integers(0, 256, (IMAGES, 8, 8, 1), np.uint8)
    names = [f"image/{i}" for i in range(IMAGES)]
    model = build_unet(config, seed=0).train()
    x, noise, levels = (
        torch.randn(IMAGES, *SHAPE),
        torch.randn(IMAGES, *SHAPE),
        torch.arange(IMAGES),
    )

    def passes() -> None:
        for _ in range(STEPS - SHORT):
            torch.nn.functional.mse_loss(model(x, levels).sample, noise).backward()
            model.zero_grad()

    def steps(number: int) -> None:
        recipe = Recipe(number, 1, 2e-3, 0.995, "float32", 0)
        train(build_unet(config, seed=0), images, names, recipe=recipe, device=cpu)

    seconds = in_turns(
        {"passes": passes, "long": lambda: steps(STEPS), "short": lambda: steps(SHORT)}, turns=TURNS
    )
    ours = [long - short for long, short in zip(seconds["long"], seconds["short"], strict=True)]
    pairs = list(zip(seconds["passes"], ours, strict=True))
    for name, each in {"passes": seconds["passes"], "steps": ours}.items():
        milliseconds = 1000 * statistics.median(each) / (STEPS - SHORT)
        print(f"{name:8} {milliseconds:6.1f} ms a batch of {IMAGES}")
    with tempfile.TemporaryDirectory() as name:
        turns = [(job(Path(name)), together(Path(name)) / TOGETHER) for _ in range(JOBS)]
        starts = [
            tuple(run(sys.executable, "-c", code) for code in (rates.START, "import torch"))
            for _ in range(JOBS)
        ]
    for one, four in turns:
        print(f"a member of one step: {one:.2f} processor seconds alone, {four:.2f} of {TOGETHER}")
    overhead, shared = (statistics.median(each) for each in zip(*turns, strict=True))
    start, torch_alone = (statistics.median(each) for each in zip(*starts, strict=True))
    keep(
        {
            "train_fraction_of_limit": round(statistics.median(a / b for a, b in pairs), 3),
            "job_startup_cpu_seconds": round(start, 2),
            "torch_import_cpu_seconds": round(torch_alone, 2),
            "job_overhead_seconds": round(overhead, 2),
            f"job_overhead_seconds_of_{TOGETHER}_members_per_job": round(shared, 2),
        }
    )


def job(folder: Path) -> float:
    """Return the processor seconds of a training job of one step on 64 digits."""
    import numpy as np
    from encoded_ensembles.codes.splits import make_split, to_manifest
    from encoded_ensembles.data.images import ImageSet, read_images, write_images
    from encoded_ensembles.storage.files import write_facts
    from sklearn.datasets import load_digits

    data = folder / "training.npz"
    pictures = (load_digits().images[:IMAGES, :, :, None] * 15).astype(np.uint8)
    names = np.array([f"digits/{i:05d}" for i in range(IMAGES)])
    labels = np.zeros(IMAGES, np.int64)
    write_images(data, ImageSet(pictures, labels, np.array(["digit"]), names))
    everything = np.ones(IMAGES, bool)
    split = make_split(read_images(data), unit_of=np.arange(IMAGES), seen=everything)
    write_facts(folder / "00.json", to_manifest(split, member="00"))
    return encens(
        "train-member", "--data", data, "--manifest", folder / "00.json", *OPTIONS,
        "--output", folder / "member",
    )  # fmt: skip


def together(folder: Path) -> float:
    """Return the processor seconds of a job that trains several members so, after `job`."""
    from encoded_ensembles.storage.files import read_facts, write_facts

    manifests = [folder / f"{m:02d}.json" for m in range(TOGETHER)]
    for m, file in enumerate(manifests):
        write_facts(file, read_facts(manifests[0]) | {"member": f"{m:02d}"})
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    return encens(
        "train-members", *manifests, "--data", folder / "training.npz", *OPTIONS,
        "--checkpoints", folder / "checkpoints", "--output", folder / "members",
    )  # fmt: skip


if __name__ == "__main__":
    main()
