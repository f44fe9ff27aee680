"""Exogenous noise: all the randomness of sampling, fixed beforehand."""

from typing import TYPE_CHECKING

import numpy as np

from encoded_ensembles.files import InputError
from encoded_ensembles.randomness import Purpose, generator
from encoded_ensembles.unet import seen_shape

if TYPE_CHECKING:
    from diffusers import UNet2DModel


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
    draws = [
        generator(seed=seed, purpose=Purpose.SAMPLING, key=first + sample).standard_normal(
            (steps + 1, *shape), dtype=np.float32
        )
        for sample in range(samples)
    ]
    return np.stack(draws, axis=1)


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
