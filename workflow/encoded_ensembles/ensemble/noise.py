"""Exogenous noise: all random numbers of sampling, drawn beforehand."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from encoded_ensembles.ensemble.step_noise import Noise
from encoded_ensembles.members.network import seen_shape
from encoded_ensembles.randomness import Purpose, generator
from encoded_ensembles.storage.files import InputError

if TYPE_CHECKING:
    from diffusers import UNet2DModel

HELD = 2**23  # numbers drawn at once, approximately: 32 MiB


def draw_noise(
    *, steps: int, samples: int, shape: tuple[int, int, int], seed: int, first: int = 0
) -> np.ndarray:
    """Draw the exogenous noise of some samples.

    A sample's noise depends only on (seed, its number), not on how many samples are drawn.

    Args:
        steps: T, the sampling steps.
        samples: B.
        shape: (C, H, W).
        seed: 0..2^64-1.
        first: number of the first sample.

    Returns:
        z (T+1, B, C, H, W) float32, standard normal; z[0] starts the sampler, z[k] enters step k.
    """
    parts = noise_steps(steps=steps, samples=samples, shape=shape, seed=seed, first=first)
    return np.concatenate(list(parts))


def noise_steps(
    *, steps: int, samples: int, shape: tuple[int, int, int], seed: int, first: int = 0
) -> Iterator[np.ndarray]:
    """Draw the noise of `draw_noise` a few steps at a time, so that memory does not grow with steps.

    Each sample has its own generator, so the order of samples and the size of groups change nothing.

    Args:
        steps: T, the sampling steps.
        samples: B.
        shape: (C, H, W).
        seed: 0..2^64-1.
        first: number of the first sample.

    Yields:
        (t, B, C, H, W) float32, the noise of the next t of the T+1 steps.
    """
    generators = [
        generator(seed=seed, purpose=Purpose.SAMPLING, key=first + sample)
        for sample in range(samples)
    ]
    together = max(1, HELD // (samples * math.prod(shape)))
    for start in range(0, steps + 1, together):
        count = min(together, steps + 1 - start)
        noise = np.empty((count, samples, *shape), np.float32)
        for number, rng in enumerate(generators):
            noise[:, number] = rng.standard_normal((count, *shape), dtype=np.float32)
        yield noise


def check_noise(noise: Noise, member: "UNet2DModel") -> None:
    """Check that exogenous noise (T+1, B, C, H, W) has the shape that a member sees.

    Raises:
        InputError: the shape is another.
    """
    if getattr(member, "prompted", False):  # of no fixed size
        seen = (member.config.in_channels, *noise.shape[3:])
    else:
        seen = seen_shape(member)
    if noise.shape[2:] != seen:
        raise InputError(
            f"the noise is for {noise.shape[2:]} (channels, height, width), expected {seen}, as members "
            "see: it is of another data set or autoencoder; draw it again."
        )
