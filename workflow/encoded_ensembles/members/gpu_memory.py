"""What to say when the memory of a GPU runs out.

Nothing is computed in smaller parts unasked. The number of images at once changes what is trained; and in
sampling, on a GPU, it can change last bits, so that results would depend on who else uses the GPU.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from encoded_ensembles.storage.files import InputError


@contextmanager
def explain_full_memory(images: int, advice: str) -> Iterator[None]:
    """Say in one sentence what to do if the memory of the GPU runs out in the block.

    Args:
        images: how many are computed with at once.
        advice: what makes them fewer.

    Raises:
        InputError: memory ran out.
    """
    import torch

    try:
        yield
    except torch.OutOfMemoryError as error:
        said = str(error).split(". ")[0]
        raise InputError(
            f"{said} with {images} images at once; {advice}, or give the job a larger GPU, or one of "
            "its own."
        ) from error
