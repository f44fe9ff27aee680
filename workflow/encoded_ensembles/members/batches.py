"""What a network is fed in training, with random numbers keyed by image and epoch.

The step of an epoch at which an image is used, its noise level and its noise follow from (seed,
image, epoch). So members draw the same numbers for the same image, a unit that comes or goes leaves
every other member's batches as they were, and a member retrained without a unit differs only in the
batches that held it. The price: the number of images per batch varies around its mean.
"""

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


@dataclass(frozen=True)
class Recipe:
    """How a member is trained; the keys of `training` in the configuration.

    Attributes:
        epochs: passes over the split.
        steps_per_epoch: optimiser steps in each; images per batch = size of the split over this.
        learning_rate: of Adam, above 0.
        ema: decay of the moving average of the weights, 0..1.
        precision: "float32" or "bfloat16" (autocast).
        seed: of initial weights and all random numbers, shared by all members.
        flip: whether an image is mirrored left to right in every other use, at random.
    """

    epochs: int
    steps_per_epoch: int
    learning_rate: float
    ema: float
    precision: str
    seed: int
    flip: bool = False

    @property
    def steps(self) -> int:
        """Optimiser steps in all."""
        return self.epochs * self.steps_per_epoch


# DEVIATES: keyed randomness in training.
def draw_use(
    *, recipe: Recipe, key: int, epoch: int, shape: tuple[int, int, int] | None
) -> tuple[int, int, np.ndarray | None, bool]:
    """Draw how an image is used in an epoch.

    Args:
        recipe: gives the seed and the steps per epoch.
        key: of the image.
        epoch: 0..epochs-1.
        shape: (C, H, W); None leaves the noise out.

    Returns:
        step in the epoch 0..steps_per_epoch-1, noise level 0..999, noise (C, H, W) float32, and
        whether it is mirrored; False without the noise.
    """
    rng = generator(seed=recipe.seed, purpose=Purpose.TRAINING, key=key, counter=epoch)
    step, level = int(rng.integers(recipe.steps_per_epoch)), int(rng.integers(LEVELS))
    if shape is None:
        return step, level, None, False
    noise = rng.standard_normal(shape, dtype=np.float32)
    # Drawn last, so that the rest is what it is without.
    return step, level, noise, recipe.flip and bool(rng.integers(2))


def batches(
    keys: list[int], *, recipe: Recipe, shape: tuple[int, int, int], start: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Yield the batch of each step from `start` on; a batch may be empty.

    Args:
        keys: of the images, ascending.
        recipe: of the training.
        shape: (C, H, W).
        start: the first step wanted.

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
    """Return the seed of the dropout masks of a step: they do not depend on when a job was killed."""
    key = name_key("\0dropout")  # no image's name
    rng = generator(seed=recipe.seed, purpose=Purpose.TRAINING, key=key, counter=step)
    return int(rng.integers(2**63))


def as_seen(images: np.ndarray, *, space: Space) -> np.ndarray:
    """Return images (N, H, W, C) uint8 as members see them, (N, c, h, w) float32."""
    if isinstance(space, Pixels):
        return to_signed(images)
    # One at a time: as float32 pixels all would take far more memory than their latents.
    height, width, channels = images.shape[1:]
    found = np.empty((len(images), *space.seen((channels, height, width))), np.float32)
    for number, image in enumerate(images):
        found[number] = space.encode(to_signed(image[None]))[0]
    return found


def see(
    images: np.ndarray, *, space: Space, flip: bool, device: "torch.device"
) -> "tuple[torch.Tensor, torch.Tensor | None]":
    """Return images as a network sees them, and mirrored ones where mirroring that is not the same.

    Args:
        images: (S, H, W, C) uint8.
        space: that the network sees them in.
        flip: whether mirrored ones are wanted.
        device: to put them on.

    Returns:
        (S, c, h, w) float32, and the same for mirrored images; None if the first can be mirrored.
    """
    import torch

    seen = torch.from_numpy(as_seen(images, space=space)).to(device)
    if not flip or isinstance(space, Pixels):
        return seen, None
    return seen, torch.from_numpy(as_seen(images[:, :, ::-1], space=space)).to(device)


def mirror(
    images: "torch.Tensor", mirrored: np.ndarray, turned: "torch.Tensor | None" = None
) -> "torch.Tensor":
    """Return images (b, C, H, W), those in `mirrored` (b,) bool with left and right exchanged.

    `turned` are the exchanged ones, where these are not the images with their last axis turned.
    """
    import torch

    if not mirrored.any():
        return images
    chosen = torch.from_numpy(mirrored).to(images.device).view(-1, 1, 1, 1)
    return torch.where(chosen, images.flip(-1) if turned is None else turned, images)
