"""Exogenous noise: all the randomness of sampling, fixed beforehand."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from encoded_ensembles.members.network import seen_shape
from encoded_ensembles.randomness import Purpose, generator
from encoded_ensembles.storage.files import InputError

if TYPE_CHECKING:
    from diffusers import UNet2DModel

HELD = 2**23  # numbers drawn at once, about: 32 MiB


def draw_noise(
    *, steps: int, samples: int, shape: tuple[int, int, int], seed: int, first: int = 0
) -> np.ndarray:
    """Draw the exogenous noise of some samples.

    A sample's noise follows from (seed, its number): drawing more samples changes none of it.

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
    """Draw what `draw_noise` returns, some steps at a time, so that memory does not grow with steps.

    A sample's numbers are drawn one after the other, step after step, whatever is drawn in between.

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
        found = np.empty((count, samples, *shape), np.float32)
        for number, each in enumerate(generators):
            found[:, number] = each.standard_normal((count, *shape), dtype=np.float32)
        yield found


def check_noise(noise: np.ndarray, member: "UNet2DModel") -> None:
    """Check that exogenous noise (T+1, B, C, H, W) is of the shape that a member sees.

    Raises:
        InputError: it is not.
    """
    seen = seen_shape(member)
    if noise.shape[2:] != seen:
        raise InputError(
            f"the noise is for {noise.shape[2:]} (channels, height, width), expected {seen}, what members "
            "see: it is of another data set or autoencoder; draw it again."
        )
