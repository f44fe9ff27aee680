"""Estimates of the final image along the factual trajectory, of every member at every step."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from encoded_ensembles.ensemble.diffusion import Diffusion, diffusion_of
from encoded_ensembles.ensemble.sampling import batch_of, predict
from encoded_ensembles.ensemble.step_noise import Noise, StepNoise
from encoded_ensembles.members.latents import PIXELS, Space

if TYPE_CHECKING:
    import torch
    from diffusers import UNet2DModel


def levels(steps: int, *, sampler: str | Diffusion, shape: tuple[int, ...] = ()) -> list[int]:
    """Return the noise levels of sampling in a number of steps, descending.

    Args:
        steps: T.
        sampler: one of `members.names.SAMPLERS`, or another process.
        shape: (C, H, W) of what members see; some processes have levels that depend on it.
    """
    trajectory = diffusion_of(sampler, bounded=True).begin(steps, shape)
    return [int(level) for level in trajectory.levels]


def estimates(
    members: Sequence["UNet2DModel"],
    *,
    noise: Noise,
    sampler: str | Diffusion,
    device: "torch.device",
    space: Space = PIXELS,
    batch: int | None = None,
) -> Iterator[tuple[int, np.ndarray]]:
    """Follow the factual trajectory and yield every member's estimate of the final image.

    Args:
        members: n networks.
        noise: z (T+1, B, C, H, W) float32.
        sampler: one of `members.names.SAMPLERS`, or another process.
        device: device of the members.
        space: space in which members see images.
        batch: rows that a member evaluates at once; None: `batch_of` the images.

    Yields:
        noise level 0..999, descending, and the estimates (n, B, C, H, W) float32, pixels
        in [-1, 1].
    """
    import torch

    diffusion = diffusion_of(sampler, bounded=space.bounded)
    trajectory = diffusion.begin(len(noise) - 1, noise.shape[2:])
    z = StepNoise(noise, device)
    x = trajectory.start(z[0].clone())
    batch = batch or batch_of(noise.shape[2:], kind=device.type)
    numbers = torch.arange(len(x), device=device)  # of all samples of a run
    # Moved before the loop, so that on a GPU a step waits for the host only to copy its estimates.
    levels = trajectory.levels.to(device)
    for number, level in enumerate(trajectory.levels, start=1):
        with torch.inference_mode():
            seen = trajectory.noisy(x, level)
            predicted = torch.stack(
                [
                    predict(member, seen, levels[number - 1], numbers=numbers, batch=batch)
                    for member in members
                ]
            )
            images = diffusion.estimate(predicted, seen, levels[number - 1])
            mean = predicted.sum(dim=0) / len(members)
            x = trajectory.step(mean, level, x, z[min(number, len(z) - 1)])
        yield int(level), images.cpu().numpy()
