"""Exogenous noise: all random numbers of sampling, drawn beforehand."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from encoded_ensembles.members.network import seen_shape
from encoded_ensembles.randomness import Purpose, generator
from encoded_ensembles.storage.files import InputError
from encoded_ensembles.storage.large_tensors import LargeTensor

if TYPE_CHECKING:
    import torch
    from diffusers import UNet2DModel

Noise = np.ndarray | LargeTensor  # (T+1, B, C, H, W) float32

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


class StepNoise:
    """The noise of each step, on a device.

    On a processor the noise of a step is read when the step is taken: all steps may take several GB. A GPU gets
    them all beforehand, step by step, so that no step waits for the host.
    """

    def __init__(self, noise: Noise, device: "torch.device") -> None:
        """Take the noise z (T+1, B, C, H, W), and transfer it if the device is a GPU."""
        import torch

        self.device, self.shape = device, tuple(noise.shape)
        self._noise = noise
        self._there: torch.Tensor | None = None
        if device.type != "cpu":
            self._there = torch.empty(tuple(noise.shape), device=device)
            for step in range(len(noise)):
                self._there[step].copy_(torch.from_numpy(noise[step]))

    def __len__(self) -> int:
        """Return T + 1."""
        return len(self._noise)

    def __getitem__(self, step: int) -> "torch.Tensor":
        """Return the noise of a step, (B, C, H, W), not to be changed."""
        import torch

        return torch.from_numpy(self._noise[step]) if self._there is None else self._there[step]
