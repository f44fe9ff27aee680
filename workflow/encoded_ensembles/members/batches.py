"""Training batches of a member, with random numbers keyed by image and epoch.

The step of an epoch at which an image is used, its noise level and its noise depend only on (seed,
image, epoch). Members therefore draw the same numbers for the same image, adding or removing a unit
does not change the batches of other members, and a member retrained without a unit differs only in the
batches with that unit. The cost: the number of images per batch varies around its mean.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from encoded_ensembles.data.images import to_signed
from encoded_ensembles.members.latents import Pixels, Space
from encoded_ensembles.members.names import LEVELS
from encoded_ensembles.randomness import Purpose, generator, name_key

if TYPE_CHECKING:
    import torch

SCHEDULES = ("constant", "cosine")


@dataclass(frozen=True)
class Recipe:
    """The training parameters of a member; the keys of `training` in the configuration.

    Attributes:
        epochs: passes over the split.
        steps_per_epoch: optimiser steps in each; mean images per batch = size of the split / this.
        learning_rate: of Adam, above 0.
        ema: decay of the moving average of the weights, 0..1.
        precision: "float32" or "bfloat16" (autocast).
        seed: of initial weights and all random numbers, shared by all members.
        flip: whether an image is mirrored left to right with probability 1/2 in each use.
        schedule: of the learning rate, one of SCHEDULES.
    """

    epochs: int
    steps_per_epoch: int
    learning_rate: float
    ema: float
    precision: str
    seed: int
    flip: bool = False
    schedule: str = "constant"

    @property
    def steps(self) -> int:
        """The total number of optimiser steps."""
        return self.epochs * self.steps_per_epoch

    def rate(self, step: int) -> float:
        """Return the learning rate of a step 0..steps-1.

        Source: Loshchilov & Hutter, *SGDR*, arXiv 1608.03983, equation 5, without restarts.
        """
        if self.schedule == "constant":
            return self.learning_rate
        return self.learning_rate * (1 + math.cos(math.pi * step / self.steps)) / 2


# DEVIATES: keyed randomness in training.
def draw_use(
    *, recipe: Recipe, key: int, epoch: int, shape: tuple[int, int, int] | None
) -> tuple[int, int, np.ndarray | None, bool]:
    """Draw the use of an image in an epoch.

    Args:
        recipe: with the seed and the steps per epoch.
        key: of the image.
        epoch: 0..epochs-1.
        shape: (C, H, W); None draws no noise.

    Returns:
        step in the epoch 0..steps_per_epoch-1, noise level 0..999, noise (C, H, W) float32, and
        whether the image is mirrored (False without noise).
    """
    rng = generator(seed=recipe.seed, purpose=Purpose.TRAINING, key=key, counter=epoch)
    step, level = int(rng.integers(recipe.steps_per_epoch)), int(rng.integers(LEVELS))
    if shape is None:
        return step, level, None, False
    noise = rng.standard_normal(shape, dtype=np.float32)
    # Mirroring is drawn last, so that it does not change the other numbers.
    return step, level, noise, recipe.flip and bool(rng.integers(2))


def batches(
    keys: list[int], *, recipe: Recipe, shape: tuple[int, int, int], start: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Yield the batch of each step, beginning with `start`; a batch may be empty.

    Args:
        keys: of the images, ascending.
        recipe: training parameters.
        shape: (C, H, W).
        start: the first step.

    Yields:
        positions in `keys` (b,), noise levels (b,) int64, noise (b, C, H, W) float32, and which
        images are mirrored (b,) bool.
    """
    for epoch in range(start // recipe.steps_per_epoch, recipe.epochs):
        turn = np.array(
            [draw_use(recipe=recipe, key=key, epoch=epoch, shape=None)[0] for key in keys]
            if recipe.steps_per_epoch > 1
            else [0] * len(keys)
        )
        for step in range(recipe.steps_per_epoch):
            if epoch * recipe.steps_per_epoch + step < start:
                continue
            rows = np.flatnonzero(turn == step)
            levels = np.zeros(len(rows), np.int64)
            noise = np.zeros((len(rows), *shape), np.float32)
            mirrored = np.zeros(len(rows), bool)
            for i, row in enumerate(rows):
                _, levels[i], noise[i], mirrored[i] = draw_use(
                    recipe=recipe, key=keys[row], epoch=epoch, shape=shape
                )
            yield rows, levels, noise, mirrored


# DEVIATES: dropout by step.
def dropout_seed(recipe: Recipe, step: int) -> int:
    """Return the seed of the dropout masks of a step: resuming a killed job gives the same masks."""
    key = name_key("\0dropout")  # not the name of an image
    rng = generator(seed=recipe.seed, purpose=Purpose.TRAINING, key=key, counter=step)
    return int(rng.integers(2**63))


def as_seen(images: np.ndarray, *, space: Space) -> np.ndarray:
    """Return images (N, H, W, C) uint8 as members see them, (N, c, h, w) float32."""
    if isinstance(space, Pixels):
        return to_signed(images)
    # One at a time: all images as float32 pixels need far more memory than their latents.
    height, width, channels = images.shape[1:]
    latents = np.empty((len(images), *space.seen((channels, height, width))), np.float32)
    for number, image in enumerate(images):
        latents[number] = space.encode(to_signed(image[None]))[0]
    return latents


def see(
    images: np.ndarray, *, space: Space, flip: bool, device: "torch.device"
) -> "tuple[torch.Tensor, torch.Tensor | None]":
    """Return images as a network sees them, and mirrored images if latents cannot be mirrored.

    Args:
        images: (S, H, W, C) uint8.
        space: in which the network sees them.
        flip: whether mirrored images are needed.
        device: of the result.

    Returns:
        (S, c, h, w) float32, and the same of mirrored images; None if the first can be mirrored.
    """
    import torch

    seen = torch.from_numpy(as_seen(images, space=space)).to(device)
    if not flip or isinstance(space, Pixels):
        return seen, None
    return seen, torch.from_numpy(as_seen(images[:, :, ::-1], space=space)).to(device)


def mirror(
    images: "torch.Tensor", mirrored: np.ndarray, turned: "torch.Tensor | None" = None
) -> "torch.Tensor":
    """Return images (b, C, H, W), with left and right exchanged where `mirrored` (b,) bool is True.

    `turned` are the exchanged images, if flipping the last axis does not give them.
    """
    import torch

    if not mirrored.any():
        return images
    chosen = torch.from_numpy(mirrored).to(images.device).view(-1, 1, 1, 1)
    return torch.where(chosen, images.flip(-1) if turned is None else turned, images)
