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
    from encoded_ensembles.ensemble.engine import sample_rows
    from encoded_ensembles.storage.files import write_arrays

    n = len(members)
    sizes = [int(size) for size in kept.split(",")]
    masks = sized_keep(members=n, sizes=sizes, repeats=repeats, seed=seed)
    keep = np.zeros((len(masks) + 1, n + 1), bool)
    keep[:-1, :n], keep[-1, n] = masks, True
    number, blocks = share_of(block)
    keep = keep[number::blocks]
    shape: tuple[int, ...] = ()
    images = []
    if len(keep):
        label = f"block {block}"
        samples = sample_rows([*members, full], keep, noise, label=label, **vars(sampling))
        images = [to_bytes(each) for each in samples]
        shape = images[0].shape
    stacked = np.stack(images) if images else np.zeros((0, *shape), np.uint8)
    write_arrays(output, {"keep": keep, "images": stacked})
