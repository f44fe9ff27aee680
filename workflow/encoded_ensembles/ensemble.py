"""The ensemble: one sampling loop for all keep masks and all samples.

Source: Dai & Gifford, arXiv 2306.02174: the ensemble predicts the mean of its members' noise
predictions at each step; with all exogenous noise fixed, dropping members gives the counterfactual.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from encoded_ensembles.unet import LEVELS, sample_classes

if TYPE_CHECKING:
    import torch
    from diffusers import DDIMScheduler, UNet2DModel

# ASSUME: same bytes.
SMALLEST_BATCH = 16  # rows of a batch come out the same to the byte from this size on (measured)
ETA = {"ddim": 0.0, "ddpm": 1.0}


# DEVIATES: DDPM through DDIM.
def make_scheduler(*, steps: int) -> "DDIMScheduler":
    """Return diffusers' DDIM scheduler, set to `steps` steps of the `LEVELS` trained ones.

    It serves for both samplers: DDIM with eta = 1 and the noise recomputed from the clipped image is
    DDPM's ancestral sampling (Song et al., arXiv 2010.02502, section 4.1), and unlike
    DDPMScheduler's, its step accepts the noise from outside.
    """
    from diffusers import DDIMScheduler

    scheduler = DDIMScheduler(num_train_timesteps=LEVELS)
    scheduler.set_timesteps(steps)
    return scheduler


def take_step(
    scheduler: "DDIMScheduler",
    predicted: "torch.Tensor",
    level: "torch.Tensor",
    x: "torch.Tensor",
    z: "torch.Tensor",
    *,
    sampler: str,
) -> "torch.Tensor":
    """Return the images after one sampling step.

    Args:
        scheduler: of `make_scheduler`.
        predicted: the ensemble's noise prediction, shaped like x.
        level: of the scheduler's timesteps.
        x: the images before the step.
        z: exogenous noise that enters the step, shaped like x.
        sampler: "ddpm" or "ddim".
    """
    return scheduler.step(
        predicted,
        level,
        x,
        eta=ETA[sampler],
        use_clipped_model_output=sampler == "ddpm",
        variance_noise=z,
    ).prev_sample


def sample(
    members: Sequence["UNet2DModel"],
    *,
    keep: np.ndarray,
    noise: np.ndarray,
    sampler: str,
    device: "torch.device",
    batch: int = 256,
    trajectories: int = 8192,
    scheduler: "DDIMScheduler | None" = None,
    track: Callable[[Iterator[Any], int], Iterator[Any]] = lambda items, total: items,
) -> np.ndarray:
    """Sample with every keep mask, all from the same exogenous noise.

    Args:
        members: n networks.
        keep: K (A, n) bool; each row keeps at least one member.
        noise: z (T+1, B, C, H, W) float32.
        sampler: "ddpm" or "ddim".
        device: where the members are.
        batch: rows given to a member at once, at least 16.
        trajectories: how many of the A*B are held at once; bounds the memory, changes no byte.
        scheduler: in place of `make_scheduler`'s; its number of steps is set here.
        track: wraps the iteration over steps of each group, given their total number.

    Returns:
        (A, B, C, H, W) float32.

    Raises:
        ValueError: a row keeps no member, the shapes disagree, or `batch` is below 16.
    """
    if keep.ndim != 2 or keep.shape[1] != len(members):
        raise ValueError(f"keep has shape {keep.shape}, expected (A, {len(members)})")
    if not keep.any(axis=1).all():
        raise ValueError(f"row {int(np.argmin(keep.any(axis=1)))} of keep keeps no member")
    if batch < SMALLEST_BATCH:
        raise ValueError(f"batch is {batch}, expected at least {SMALLEST_BATCH}")
    import torch

    steps, samples = noise.shape[0] - 1, noise.shape[1]
    rows = max(1, trajectories // samples)
    scheduler = scheduler or make_scheduler(steps=steps)
    groups = [keep[start : start + rows] for start in range(0, len(keep), rows)]
    z = torch.from_numpy(noise).to(device)
    results = np.empty((len(keep), *noise.shape[1:]), np.float32)

    def all_steps() -> Iterator[None]:
        for number, group in enumerate(groups):
            yield from _sample_group(
                members,
                torch.from_numpy(group).to(device),
                z,
                scheduler,
                sampler=sampler,
                batch=batch,
                out=results[number * rows : number * rows + len(group)],
            )

    with torch.inference_mode():
        for _ in track(all_steps(), steps * len(groups)):
            pass
    return results


def _sample_group(
    members: Sequence["UNet2DModel"],
    keep: "torch.Tensor",
    z: "torch.Tensor",
    scheduler: "DDIMScheduler",
    *,
    sampler: str,
    batch: int,
    out: np.ndarray,
) -> Iterator[None]:
    """Sample the trajectories of some keep masks into `out`, yielding after each step."""
    import torch

    scheduler.set_timesteps(len(z) - 1)
    shape = (len(keep), *z.shape[1:])
    x = z[0].expand(shape).clone()
    kept = keep.sum(dim=1).view(-1, 1, 1, 1, 1)
    for number, level in enumerate(scheduler.timesteps, start=1):
        total = x.new_zeros(shape)
        for m, member in enumerate(members):
            rows = keep[:, m].nonzero()[:, 0]
            if len(rows):
                which = torch.arange(shape[1], device=x.device).repeat(len(rows))
                seen = predict(member, x[rows].flatten(0, 1), level, batch=batch, which=which)
                total[rows] += seen.view(len(rows), *shape[1:])
        x = take_step(scheduler, total / kept, level, x, z[number].expand(shape), sampler=sampler)
        yield
    out[:] = x.cpu().numpy()


def predict(
    member: "UNet2DModel",
    x: "torch.Tensor",
    level: "torch.Tensor",
    *,
    batch: int,
    which: "torch.Tensor | None" = None,
) -> "torch.Tensor":
    """Return a member's noise prediction for (N, C, H, W) images at one level, `batch` at a time.

    Short batches are filled up to 16 rows, so that a row's result does not depend on the others.
    `which` (N,) are the numbers of the samples that the rows are of, None for 0..N-1: a member that
    is told labels is told those in turn.
    """
    import torch

    parts = []
    numbers = torch.arange(len(x), device=x.device) if which is None else which
    for part, number in zip(x.split(batch), numbers.split(batch), strict=True):
        missing = SMALLEST_BATCH - len(part)
        if missing > 0:
            part = torch.cat([part, part.new_zeros(missing, *part.shape[1:])])
            number = torch.cat([number, number.new_zeros(missing)])
        labels = sample_classes(member, number)
        told = {} if labels is None else {"class_labels": labels}
        predicted = member(part, level.to(x.device), **told).sample
        parts.append(predicted[:-missing] if missing > 0 else predicted)
    return torch.cat(parts)
