"""Estimates of given pictures: noised forward to several levels, and denoised by every member.

A picture that the ensemble did not sample has no trajectory. Noised to a level and denoised, it still shows
what each member makes of it, which the tests of units need.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from encoded_ensembles.ensemble.diffusion import Diffusion, diffusion_of
from encoded_ensembles.ensemble.sampling import batch_of, predict
from encoded_ensembles.members.latents import PIXELS, Space
from encoded_ensembles.randomness import Purpose, generator

if TYPE_CHECKING:
    import torch
    from diffusers import UNet2DModel

# ASSUME: levels and draws of given pictures.
LEVELS = 10  # noise levels, evenly spaced
DRAWS = 6  # draws of noise at each


def spread_levels(highest: int, *, count: int = LEVELS) -> list[int]:
    """Return up to `count` evenly spaced noise levels above 0 up to `highest`, descending."""
    return sorted({round(highest * (k + 1) / count) for k in range(count)}, reverse=True)


def given_estimates(
    members: Sequence["UNet2DModel"],
    pictures: np.ndarray,
    keys: Sequence[int],
    *,
    levels: Sequence[int],
    draws: int = DRAWS,
    seed: int,
    classes: np.ndarray,
    device: "torch.device",
    sampler: str | Diffusion = "ddpm",
    space: Space = PIXELS,
    batch: int | None = None,
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield every member's estimate of given pictures at each level, mean over draws of noise.

    Args:
        members: n networks.
        pictures: (B, C, H, W) float32, as members see them.
        keys: B keys, 0..2^64-1; noise depends on a picture's key and not on the other pictures.
        levels: noise levels 0..999.
        draws: number of draws of noise.
        seed: of the noise.
        classes: (B,) int64, the class that members with classes are conditioned on.
        device: device of the members.
        sampler: one of `members.names.SAMPLERS`, which are of one process, or another process.
        space: space in which members see images.
        batch: rows that a member evaluates at once; None: `batch_of` the images.

    Yields:
        noise level and the estimates (n, B, C, H, W) float32.
    """
    import torch

    diffusion = diffusion_of(sampler, bounded=space.bounded)
    batch = batch or batch_of(pictures.shape[1:], kind=device.type)
    clean = torch.from_numpy(pictures).to(device)
    numbers = torch.from_numpy(classes.astype(np.int64)).to(device)
    for level in levels:
        at = torch.tensor(level, device=device)
        # All draws together fill batches that a draw of few pictures would not.
        noise = [_noise(keys, pictures.shape[1:], level, draw, seed) for draw in range(draws)]
        z = torch.from_numpy(np.concatenate(noise)).to(device)
        x = diffusion.noised(clean.repeat(draws, 1, 1, 1), z, level)
        total = np.zeros((len(members), *pictures.shape), np.float64)
        for member, sums in zip(members, total, strict=True):
            with torch.inference_mode():
                predicted = predict(member, x, at, numbers=numbers.repeat(draws), batch=batch)
                images = diffusion.estimate(predicted, x, level)
            for image in images.split(len(pictures)):
                sums += image.cpu().numpy()
        yield level, (total / draws).astype(np.float32)


def _noise(
    keys: Sequence[int], shape: tuple[int, ...], level: int, draw: int, seed: int
) -> np.ndarray:
    """Return the noise of one draw at one level, (B, C, H, W) float32."""
    return np.stack(
        [
            generator(
                seed=seed, purpose=Purpose.SAMPLING, key=key, counter=1000 * draw + level
            ).standard_normal(shape, dtype=np.float32)
            for key in keys
        ]
    )
