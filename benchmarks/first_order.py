"""Derivatives in members' weights against dropping members one at a time, at what each costs.

Both add up over the members of a unit's word to a predicted displacement. Reads the finished run of
benchmarks/first_order.yaml (makes it if it is not there). A derivative's cost is its processor time
in evaluations of a member, by the time that dropping members takes in the same turn.

With weights a_m the ensemble predicts the mean of its members' predictions, weighted by a_m / sum a. All
are 1; dropping member m takes a_m to 0. The derivative of the sample in a_m is carried along the factual
trajectory by forward-mode differentiation, for all members at once.

Source: Dai & Gifford, arXiv 2406.07908, whose differential ablation this is.

    python benchmarks/first_order.py [folder of the run]
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from machine import finished_run, in_turns, keep, sampler_of
from screening import TOP, read

if TYPE_CHECKING:
    import torch
    from diffusers import UNet2DModel

RUN = ("benchmarks/first_order.yaml", "influence/influence.parquet")


def derivatives(
    members: Sequence["UNet2DModel"], *, noise: np.ndarray, sampler: str, device: "torch.device"
) -> np.ndarray:
    """Differentiate samples in the weight of each member.

    Args:
        members: n networks without gradients, of the precision of the noise.
        noise: z (T+1, B, C, H, W).
        sampler: of `members.names.SAMPLERS` but dpmsolver++, whose steps remember earlier ones.
        device: where the members are.

    Returns:
        (n, B, C, H, W); less it is the displacement of dropping a member, to first order.
    """
    import torch
    from encoded_ensembles.ensemble.diffusion import make_scheduler, take_step

    scheduler = make_scheduler(steps=len(noise) - 1, sampler=sampler)
    z = torch.from_numpy(noise).to(device)
    x = z[0].clone()
    moving = x.new_zeros(len(members), *x.shape)
    for number, level in enumerate(scheduler.timesteps, start=1):

        def step(
            mean: torch.Tensor,
            image: torch.Tensor,
            level: torch.Tensor = level,
            entering: torch.Tensor = z[number],
        ) -> torch.Tensor:
            return take_step(scheduler, mean, level, image, entering, sampler=sampler)

        with torch.no_grad():
            mean, turning = _predict(members, x, moving, level.to(device))
            moving = _push(step, (mean, x), (turning, moving))
            x = step(mean, x)
    return moving.cpu().numpy()


def _predict(
    members: Sequence["UNet2DModel"],
    x: "torch.Tensor",
    moving: "torch.Tensor",
    level: "torch.Tensor",
) -> "tuple[torch.Tensor, torch.Tensor]":
    """Return the ensemble's noise prediction (B, ...) and its derivatives (n, B, ...).

    A weight changes the prediction by its own member's part in the mean, and through x.
    """
    import torch
    from encoded_ensembles.members.network import sample_classes

    which = torch.arange(len(x), device=x.device)

    def said(member: "UNet2DModel", image: torch.Tensor) -> torch.Tensor:
        labels = sample_classes(member, which)
        return member(image, level, class_labels=labels).sample

    each = torch.stack([said(member, x) for member in members])
    mean = each.mean(dim=0)
    turning = each - mean
    for member in members:
        turning += _push(partial(said, member), (x,), (moving,))
    return mean, turning / len(members)


def _push(
    function: "Callable[..., torch.Tensor]",
    at: "tuple[torch.Tensor, ...]",
    along: "tuple[torch.Tensor, ...]",
) -> "torch.Tensor":
    """Return the derivatives of a function at a point along n directions (n, ...)."""
    from torch.func import jvp, vmap

    return vmap(lambda *directions: jvp(function, at, directions)[1])(*along)


def main() -> None:
    """Compare both with the exact landscape."""
    from encoded_ensembles.ensemble.engine import prepare
    from encoded_ensembles.ensemble.sampling import sample
    from scipy.stats import spearmanr

    run = finished_run(*RUN)
    data = read(run, RUN[0])
    n = data["code"].shape[1]
    folders = [run / f"members/{m:02d}" for m in range(n)]
    engine = prepare(
        folders, run / "noise/landscape.safetensors", label="drops",
        scheduler=sampler_of(RUN[0]), batch=256, device="cpu",
    )  # fmt: skip
    own = {name: engine[name] for name in ("members", "sampler", "device")}
    own["noise"] = np.stack(list(engine["noise"]))
    found = {}

    def differentiate() -> None:
        found["first_order"] = -derivatives(**own)

    def drop() -> None:
        sample(**own, keep=~np.eye(n, dtype=bool))

    seconds = in_turns({"first_order": differentiate, "drops": drop}, turns=1)
    moved = {
        "first_order": found["first_order"].reshape(*found["first_order"].shape[:2], -1),
        "drops": data["drops"],
    }
    truth = np.linalg.norm(data["units"], axis=2)
    best = np.argsort(-truth, axis=0)[:TOP]
    figures: dict[str, float] = {}
    for name, each in moved.items():
        predicted = np.linalg.norm(
            np.einsum("um,mbf->ubf", data["code"].astype(float), each), axis=2
        )
        first = np.argsort(-predicted, axis=0)[:30]
        agree = [spearmanr(p, t).statistic for p, t in zip(predicted.T, truth.T, strict=True)]
        recall = [len(set(a) & set(b)) / TOP for a, b in zip(best.T, first.T, strict=True)]
        cost = n * (n - 1) * seconds[name][0] / seconds["drops"][0]
        figures |= {
            f"{name}_spearman": round(float(np.mean(agree)), 3),
            f"{name}_spearman_worst": round(float(min(agree)), 3),
            f"{name}_recall_at_10_of_30": round(float(np.mean(recall)), 3),
            f"{name}_evaluations": round(cost),
        }
    keep(figures)


if __name__ == "__main__":
    main()
