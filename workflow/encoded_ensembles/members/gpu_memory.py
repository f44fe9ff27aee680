"""The error for a full GPU.

The program does not continue with smaller batches by itself. The batch size changes the result of
training. In sampling on a GPU it can change the last bits, so that results would depend on other users.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from encoded_ensembles.storage.files import InputError


@contextmanager
def explain_full_memory(images: int, advice: str) -> Iterator[None]:
    """Raise an error with advice if the GPU runs out of memory in the block.

    Args:
        images: number of images in a batch; 0 where there are none.
        advice: how to reduce it; left out for a single image.

    Raises:
        InputError: the GPU ran out of memory.
    """
    import torch

    try:
        yield
    except torch.OutOfMemoryError as error:
        message = str(error).split(". ")[0]
        what = {0: ";", 1: " with a single image;"}
        many = f" with {images} images at once; {advice}, or"
        raise InputError(
            f"{message}{what.get(images, many)} give the job a larger GPU, or a GPU to itself."
        ) from error
