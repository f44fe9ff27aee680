"""Estimates of the final image along the factual trajectory, of every member at every step."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from encoded_ensembles.ensemble.noise import Noise, StepNoise
from encoded_ensembles.ensemble.sampling import batch_of, make_scheduler, predict, take_step
from encoded_ensembles.members.latents import PIXELS, Space

if TYPE_CHECKING:
    import torch
    from diffusers import UNet2DModel


def levels(steps: int, *, sampler: str) -> list[int]:
    """Return the noise levels of sampling in a number of steps, descending."""
    return [int(level) for level in make_scheduler(steps=steps, sampler=sampler).timesteps]


def estimates(
    members: Sequence["UNet2DModel"],
    *,
    noise: Noise,
    sampler: str,
    device: "torch.device",
    space: Space = PIXELS,
    batch: int | None = None,
) -> Iterator[tuple[int, np.ndarray]]:
    """Follow the factual trajectory and yield every member's estimate of the final image.

    Args:
        members: n networks.
        noise: z (T+1, B, C, H, W) float32.
        sampler: one of `sampling.SAMPLERS`.
        device: device of the members.
        space: space in which members see images.
        batch: rows that a member evaluates at once, at least 16; None: `batch_of` the images.

    Yields:
        noise level 0..999, descending, and the estimates (n, B, C, H, W) float32, pixels
        in [-1, 1].
    """
    import torch

    scheduler = make_scheduler(steps=len(noise) - 1, sampler=sampler, bounded=space.bounded)
    z = StepNoise(noise, device)
    x = z[0].clone()
    batch = batch or batch_of(noise.shape[2:], kind=device.type)
    numbers = torch.arange(len(x), device=device)  # of all samples of a run
    # Moved before the loop, so that on a GPU a step waits for the host only to copy its estimates.
    levels, alphas = scheduler.timesteps.to(device), scheduler.alphas_cumprod.to(device)
    for number, level in enumerate(scheduler.timesteps, start=1):
        with torch.inference_mode():
            predicted = torch.stack(
                [
                    predict(member, x, levels[number - 1], numbers=numbers, batch=batch)
                    for member in members
                ]
            )
            signal = alphas[int(level)]
            images = (x - (1 - signal).sqrt() * predicted) / signal.sqrt()
            mean = predicted.sum(dim=0) / len(members)
            x = take_step(scheduler, mean, level, x, z[number], sampler=sampler)
        yield int(level), (images.clamp(-1, 1) if space.bounded else images).cpu().numpy()
