"""The landscape against a loop as the reference scripts do it: one process for each ablation.

Each process loads the n-w members that stay and runs them one after the other at every step, for all
samples of the digits run together: a generous reading, since one process for each picture would start
16 times as often (the figure with `_by_picture`). Ours is one block of the run as Snakemake starts it.
Both count the processor time of whole processes, start-up included.
"""

import statistics
import sys
import tempfile
from pathlib import Path

from machine import SHAPE, encens, keep, run, save_members

STEPS, SAMPLES, UNITS, BLOCKS = 50, 16, 128, 4
FEWER = (10, 15, 25)  # steps of ours beside the reference's 1000, besides those of the digits run
TURNS = 3


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


def main() -> None:
    """Run both in turns."""
    from encoded_ensembles.files import write_arrays, write_tensors
    from encoded_ensembles.keep import sized_keep
    from encoded_ensembles.noise import draw_noise

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        members = save_members(folder, 12)
        code = sized_keep(members=12, sizes=[6], repeats=UNITS, seed=0)
        write_arrays(folder / "code.npz", {"code": code})
        noises = {steps: folder / f"noise{steps}.safetensors" for steps in (STEPS, *FEWER)}
        for steps, file in noises.items():
            z = draw_noise(steps=steps, samples=SAMPLES, shape=SHAPE, seed=0)
            write_tensors(file, {"noise": z})

        def reference(steps: int, samples: int = SAMPLES) -> float:
            return run(sys.executable, __file__, noises[STEPS], steps, samples, *members[:6])

        def ours(steps: int) -> float:
            seconds = encens(
                "ablate-block", *members, "--code", folder / "code.npz", "--noise", noises[steps],
                "--block", f"1-of-{BLOCKS}", "--output", folder / "block.safetensors",
            )  # fmt: skip
            return seconds / (UNITS // BLOCKS)

        found = [
            (reference(STEPS), SAMPLES * reference(STEPS, 1), ours(STEPS)) for _ in range(TURNS)
        ]
        long = (reference(1000), SAMPLES * reference(1000, 1))
        short = {steps: ours(steps) for steps in FEWER}
    print("processor seconds of a unit: reference, reference by picture, ours")
    for turn in found:
        print(*(f"{each:8.2f}" for each in turn))
    print("reference at 1000 steps, and by picture; ours at", FEWER)
    print(*(f"{each:8.2f}" for each in (*long, *short.values())))
    keep(
        {
            "landscape_speedup_vs_reference": round(
                statistics.median(a / c for a, _, c in found), 1
            ),
            "landscape_speedup_vs_reference_by_picture": round(
                statistics.median(b / c for _, b, c in found), 1
            ),
            **{
                f"landscape_speedup_vs_reference_1000_steps_{steps}_of_ours{name}": round(
                    each / own, 1
                )
                for steps, own in {
                    STEPS: statistics.median(c for *_, c in found),
                    **short,
                }.items()
                for name, each in zip(("", "_by_picture"), long, strict=True)
            },
        }
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        ablate(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
    else:
        main()
