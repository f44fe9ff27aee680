"""encens sample-frechet."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.sampling import (
    Block,
    Full,
    Members,
    Noise,
    Sampling,
    share_of,
)
from encoded_ensembles.commands.options.spread import spread


@spread
def sample_frechet(
    members: Members,
    noise: Noise,
    full: Full,
    kept: Annotated[str, Option(help="numbers of members kept, such as 1,5,10")],
    repeats: Annotated[int, Option(help="random keep masks per number")],
    block: Block,
    output: Annotated[
        Path,
        Option(
            help="output, .npz: keep (A, n+1) bool (last column: the full model), images (A, B, H, W, C) uint8"
        ),
    ],
    sampling: Sampling,
    seed: Annotated[int, Option(help="seed of the keep masks")] = 0,
) -> None:
    """Sample many images with the full model and with random keep masks of several sizes."""
    import numpy as np

    from encoded_ensembles.codes.masks import sized_keep
    from encoded_ensembles.data.images import to_bytes
    from encoded_ensembles.ensemble.engine import drawn_shape, prepare
    from encoded_ensembles.ensemble.sampling import sample_groups
    from encoded_ensembles.storage.files import write_arrays

    n = len(members)
    sizes = [int(size) for size in kept.split(",")]
    masks = sized_keep(members=n, sizes=sizes, repeats=repeats, seed=seed)
    keep = np.zeros((len(masks) + 1, n + 1), bool)
    keep[:-1, :n], keep[-1, n] = masks, True
    number, blocks = share_of(block)
    keep = keep[number::blocks]
    if not len(keep):  # more blocks than masks
        write_arrays(output, {"keep": keep, "images": np.zeros(0, np.uint8)})
        return
    engine = prepare([*members, full], noise, label=f"block {block}", **vars(sampling))
    samples, channels, height, width = drawn_shape(engine)
    images = np.empty((len(keep), samples, height, width, channels), np.uint8)
    drawn = (each for group in sample_groups(keep=keep, **engine) for each in group)
    for row, each in enumerate(drawn):
        images[row] = to_bytes(each)
    write_arrays(output, {"keep": keep, "images": images})
