"""Fewer sampling steps against many: how good samples are, and how much the ranking of units keeps.

Reads the default run (makes it where it is not there). For each sampler and number of steps: the Frechet
distance of 256 samples of the first null code word's ensemble, with its standard error; and the landscape
of 8 samples (of DDPM; 4 of the others) over 40 units. Its distances are compared with those of a reference:
Spearman over the units of a sample, and how many of the ten largest are the same, means over samples.

A sample must be the same sample at any number of steps. DDPM takes in noise at every step: the noise of a
long step is put together from that of the short steps that it stands for (`coarser`); the reference is 1000
steps. DDIM and DPM-Solver++ follow one differential equation from the same start; the reference is 200 steps
of DPM-Solver++, and not 1000 of DDIM, which clipping at every step drives away from that equation: how little
those agree with DDIM's own 50 is a figure too.

The rankings of two different samples of a reference are what agrees for no reason.

    python benchmarks/steps.py [folder of the run]     half an hour of one core, kept as it goes
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from machine import DRAWINGS, SHAPE, finished_run, keep, sized

LEVELS = 1000  # of training
STEPS, ALL = sized(((5, 10, 15, 25, 50), LEVELS), smoke=((2, 3), 4))
EQUATION = (
    "dpmsolver++",
    sized(200, smoke=4),
)  # solves DDIM's equation; its 50 steps agree with it
# Samplers, and what their landscapes are compared with.
SAMPLERS = {"ddpm": ("ddpm", ALL), "ddim": EQUATION, "dpmsolver++": EQUATION}
SAMPLES = sized({"ddpm": 8, "ddim": 4, "dpmsolver++": 4}, smoke=dict.fromkeys(SAMPLERS, 2))
UNITS, TOP, IMAGES, BOOTSTRAPS = sized((40, 10, 256, 50), smoke=(4, 2, 8, 2))
Cell = Mapping[str, np.ndarray]


def coarser(noise: np.ndarray, *, levels: np.ndarray, alphas: np.ndarray) -> np.ndarray:
    """Put the noise of few DDPM steps together from that of as many steps as there are levels.

    Scaled by 1 / sigma, sigma^2 = (1 - alpha) / alpha, what DDPM has taken in at a level is a Brownian
    motion in alpha / (1 - alpha) for as long as the predicted image stays the same.

    Args:
        noise: z (L+1, ...) of L steps, one at each level from L-1 to 0.
        levels: (T,) int64, falling: the levels of the few steps.
        alphas: (L,), cumulative products.

    Returns:
        (T+1, ...) float32, standard normal; the last, which enters nowhere, is the last of `noise`.
    """
    clock = alphas / (1 - alphas)
    short = np.sqrt(np.append(clock[-1], np.diff(clock[::-1])))  # the start, then levels L-2 to 0
    path = np.cumsum(noise[:-1] * short.reshape(-1, *[1] * (noise.ndim - 1)), axis=0)[::-1]
    steps = np.diff(path[levels], axis=0, prepend=0 * path[:1])
    scale = np.sqrt(np.diff(clock[levels], prepend=0)).reshape(-1, *[1] * (noise.ndim - 1))
    return np.concatenate([steps / scale, noise[-1:]]).astype(np.float32)


def noise_of(sampler: str, steps: int, *, samples: int, seed: int) -> np.ndarray:
    """Return the exogenous noise of samples that are the same at any number of steps."""
    from encoded_ensembles.ensemble.diffusion import make_scheduler
    from encoded_ensembles.ensemble.noise import draw_noise

    z = draw_noise(steps=LEVELS, samples=samples, shape=SHAPE, seed=seed)
    if sampler != "ddpm":
        return z[: steps + 1]
    scheduler = make_scheduler(steps=steps)
    return coarser(
        z.astype(np.float64),
        levels=scheduler.timesteps.numpy(),
        alphas=scheduler.alphas_cumprod.double().numpy(),
    )


def landscape(run: Path, sampler: str, steps: int) -> Cell:
    """Return the distances (U, B) of a landscape and its factual samples (B, C, H, W)."""
    from encoded_ensembles.codes.masks import ablation_keep
    from encoded_ensembles.storage.files import read_arrays

    code = read_arrays(run / "code/code.npz")["code"]
    units = np.random.default_rng(0).permutation(len(code))[:UNITS]
    masks = np.concatenate([np.ones((1, code.shape[1]), bool), ablation_keep(code[units])])

    def measure() -> Cell:
        drawn = draw(run, sampler, steps, masks, samples=SAMPLES[sampler], seed=1)
        moved = (drawn[1:] - drawn[0]).reshape(UNITS, SAMPLES[sampler], -1)
        return {"factual": drawn[0], "distance": np.linalg.norm(moved, axis=2)}

    return once(run / f"benchmark_steps/{sampler}.{steps}.npz", measure)


def pictures(run: Path, sampler: str, steps: int) -> np.ndarray:
    """Return samples (N, H, W, C) uint8 of the ensemble that the first null code word leaves."""
    from encoded_ensembles.codes.masks import ablation_keep
    from encoded_ensembles.data.images import to_bytes
    from encoded_ensembles.storage.files import read_arrays

    masks = ablation_keep(read_arrays(run / "code/code.npz")["null_words"][:1])

    def measure() -> Cell:
        return {"images": to_bytes(draw(run, sampler, steps, masks, samples=IMAGES, seed=2)[0])}

    return once(run / f"benchmark_steps/{sampler}.{steps}.images.npz", measure)["images"]


def draw(
    run: Path, sampler: str, steps: int, masks: np.ndarray, *, samples: int, seed: int
) -> np.ndarray:
    """Sample (A, B, C, H, W) under keep masks."""
    from encoded_ensembles.ensemble.engine import prepare
    from encoded_ensembles.ensemble.sampling import sample

    folders = [run / f"members/{m:02d}" for m in range(masks.shape[1])]
    noise = run / "noise/landscape.safetensors"
    engine = prepare(
        folders, noise, label=f"{sampler} {steps}", scheduler=sampler, batch=256, device="cpu"
    )
    return sample(
        keep=masks,
        **engine | {"noise": noise_of(sampler, steps, samples=samples, seed=seed)},
    )


def once(file: Path, measure: Callable[[], Cell]) -> Cell:
    """Return what was measured before and kept in a file, or measure it now."""
    from encoded_ensembles.storage.files import read_arrays, write_arrays

    if not file.exists():
        write_arrays(file, measure())
    return read_arrays(file)


def agreement(cell: Cell, reference: Cell, *, shift: int = 0) -> tuple[float, float, float]:
    """Return mean and worst Spearman over samples, and the mean recall of the ten largest.

    With a shift, samples are compared with others of the reference.
    """
    from scipy.stats import spearmanr

    pairs = list(zip(cell["distance"].T, np.roll(reference["distance"].T, shift, 0), strict=True))
    agree = [spearmanr(ours, theirs).statistic for ours, theirs in pairs]
    recall = [
        len(set(np.argsort(-ours)[:TOP]) & set(np.argsort(-theirs)[:TOP])) / TOP
        for ours, theirs in pairs
    ]
    return float(np.mean(agree)), float(min(agree)), float(np.mean(recall))


def main() -> None:
    """Measure each cell, compare, print, draw and keep."""
    run = finished_run("config.yaml", "run.json")
    known = [(sampler, steps) for steps in STEPS for sampler in SAMPLERS]
    images = {cell: pictures(run, *cell) for cell in known}
    known += [EQUATION, ("ddim", ALL), ("ddpm", ALL)]
    cells = {cell: landscape(run, *cell) for cell in known}
    drifted = agreement(cells["ddim", ALL], cells["ddim", STEPS[-1]])
    figures = {f"steps_ddim_{ALL}_spearman_with_{STEPS[-1]}": round(drifted[0], 3)}
    rows = []
    scored = frechet(run)
    for (sampler, steps), pictured in images.items():
        cell = cells[sampler, steps]
        reference = cells[SAMPLERS[sampler]]
        row = dict(zip(("spearman", "spearman_worst", "recall_at_10"), agreement(cell, reference), strict=True))  # fmt: skip
        moved = np.linalg.norm(
            (cell["factual"] - reference["factual"]).reshape(SAMPLES[sampler], -1), axis=1
        )
        row["moved"] = float(moved.mean() / reference["distance"].mean())
        row["frechet"], row["frechet_error"] = scored(pictured)
        rows.append({"sampler": sampler, "steps": steps} | row)
    for sampler in ("ddpm", "dpmsolver++"):
        whole = cells[SAMPLERS[sampler]]
        shifts = [agreement(whole, whole, shift=shift) for shift in range(1, SAMPLES[sampler])]
        figures[f"{key(sampler)}_chance_spearman"] = round(float(np.mean([s[0] for s in shifts])), 3)  # fmt: skip
        figures[f"{key(sampler)}_chance_recall_at_10"] = round(float(np.mean([s[2] for s in shifts])), 3)  # fmt: skip
    for row in rows:
        name = f"{key(row['sampler'])}_{row['steps']}"
        figures |= {f"{name}_{key}": round(each, 3) for key, each in row.items() if isinstance(each, float)}  # fmt: skip
    plot(rows, figures)
    keep(figures)
    table(rows)


def frechet(run: Path) -> Any:
    """Return what scores images against the held-out ones: distance, and its standard error."""
    import torch
    from cleanfid.fid import fid_from_feats
    from encoded_ensembles.data.images import read_images
    from encoded_ensembles.features.extractors import choose_extractor

    real = read_images(run / "data/heldout.npz").images
    extractor = choose_extractor(
        real, inception=None, classifier=run / "frechet/classifier.safetensors", device=torch.device("cpu")
    )  # fmt: skip
    target = extractor.features(real)

    def scored(images: np.ndarray) -> tuple[float, float]:
        features = np.asarray(extractor.features(images), np.float64)
        rng = np.random.default_rng(0)  # the same draws for every cell: the start noise is the same
        again = [
            fid_from_feats(features[rng.integers(IMAGES, size=IMAGES)], target)
            for _ in range(BOOTSTRAPS)
        ]
        return float(fid_from_feats(features, target)), float(np.std(again))

    return scored


def key(sampler: str) -> str:
    """Return how the keys of a sampler's figures begin."""
    return f"steps_{sampler.replace('++', '')}"


def table(rows: list[dict[str, Any]]) -> None:
    """Print a row for each sampler and number of steps, as the docs hold it."""
    print("| sampler | steps | Frechet distance | Spearman, mean | worst sample | same of the ten largest | sample moved |")  # fmt: skip
    print("|---|---|---|---|---|---|---|")
    for row in sorted(rows, key=lambda row: (list(SAMPLERS).index(row["sampler"]), row["steps"])):
        print(
            f"| {row['sampler']} | {row['steps']} | {row['frechet']:.1f} +-{row['frechet_error']:.1f} | {row['spearman']:.3f} | "
            f"{row['spearman_worst']:.3f} | {row['recall_at_10']:.2f} | {row['moved']:.2f} |"
        )


def plot(rows: list[dict[str, Any]], figures: dict[str, float]) -> None:
    """Draw both against the number of steps."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for number, sampler in enumerate(SAMPLERS):
        own = sorted((r for r in rows if r["sampler"] == sampler), key=lambda r: r["steps"])
        left.errorbar(
            [r["steps"] for r in own], [r["frechet"] for r in own],
            [r["frechet_error"] for r in own], fmt="o-", ms=3, capsize=2, label=sampler,
        )  # fmt: skip
        right.plot([r["steps"] for r in own], [r["spearman"] for r in own], "o-", ms=3, label=sampler)  # fmt: skip
        if f"{key(sampler)}_chance_spearman" in figures:
            right.axhline(figures[f"{key(sampler)}_chance_spearman"], color=f"C{number}", lw=0.8, ls=":")  # fmt: skip
    left.set(ylabel="Frechet distance", ylim=(0, None))
    right.set(ylabel="Spearman with the reference", ylim=(-0.1, 1.02))
    for ax in (left, right):
        ax.set(xscale="log", xlabel="steps")
        ax.set_xticks(STEPS, map(str, STEPS), minor=False)
        ax.set_xticks([], minor=True)
    left.legend(frameon=False, fontsize=8)
    fig.savefig(DRAWINGS / "steps.png", dpi=150)


if __name__ == "__main__":
    main()
