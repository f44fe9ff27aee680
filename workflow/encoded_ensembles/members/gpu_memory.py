"""What to say when the memory of a GPU runs out: how many images at once would fit.

Nothing is computed in smaller parts unasked. The number of images changes what is trained; and in
sampling, on a GPU, it can change last bits, so that results would hang on who else uses the GPU.
"""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from encoded_ensembles.storage.files import InputError

if TYPE_CHECKING:
    import torch
    from diffusers import UNet2DModel

ROOM = "or give the job a larger GPU, or one of its own"


def in_memory(run: Callable[[int], Any], *, size: int, advice: Callable[[int], str]) -> Any:
    """Return `run(size)`, or say what size would fit if the memory of the GPU runs out.

    Args:
        run: computes with so many rows; called again with half as many, and so on, to find out.
        size: rows.
        advice: returns what to do, given the size that fits, or 0 if none does.

    Raises:
        InputError: memory ran out.
    """
    import torch

    try:
        return run(size)
    except torch.OutOfMemoryError as error:
        said = str(error).split(". ")[0]
    # Outside of `except`, which would keep the tensors of the call that failed.
    fits = size // 2
    while fits:
        torch.cuda.empty_cache()
        try:
            run(fits)
            break
        except torch.OutOfMemoryError:
            fits //= 2
    raise InputError(f"{said} with {size} images at once; {advice(fits)}.")


def predict_in_memory(
    member: "UNet2DModel",
    x: "torch.Tensor",
    level: "torch.Tensor",
    told: Mapping[str, "torch.Tensor"],
    *,
    smallest: int,
) -> "torch.Tensor":
    """Return a member's noise prediction.

    Args:
        member: a network.
        x: images (N, C, H, W).
        level: of noise.
        told: labels (N,) by the name of their argument, where the network is told them.
        smallest: number of rows that may be given to it at once.

    Raises:
        InputError: memory ran out.
    """

    def run(rows: int) -> "torch.Tensor":
        labels = {name: each[:rows] for name, each in told.items()}
        return member(x[:rows], level, **labels).sample

    def advice(fits: int) -> str:
        if fits < smallest:
            return f"not even {smallest} fit: give the job a larger GPU, or one of its own"
        return f"{fits} fit: set sampling.batch (--batch) to that, {ROOM}"

    return in_memory(run, size=len(x), advice=advice)


def step_in_memory(trainer: Any, batch: "tuple[torch.Tensor | None, ...]") -> float:
    """Take a step on a batch, what `train.Trainer.step` takes, and return its loss.

    Raises:
        InputError: memory ran out.
    """
    images, per_epoch = batch[0], trainer.recipe.steps_per_epoch
    assert images is not None

    def step(rows: int) -> float:
        return trainer.step(*(None if part is None else part[:rows] for part in batch))

    def advice(fits: int) -> str:
        if not fits:
            return f"not even one fits: lower model.widths, {ROOM}"
        more = math.ceil(per_epoch * len(images) / fits)
        return f"{fits} fit: raise training.steps_per_epoch from {per_epoch} to {more}, {ROOM}"

    return in_memory(step, size=len(images), advice=advice)
