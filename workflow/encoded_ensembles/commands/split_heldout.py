"""encens split-heldout."""

from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.files import Code, Data
from encoded_ensembles.commands.options.splits import Captions, Classes, Digest, Manifest


def split_heldout(
    data: Data,
    code: Code,
    model: Annotated[int, Option(help="number of the random half, from 0")],
    share: Annotated[float, Option(help="share of units that the model sees, above 0, below 1")],
    half_seed: Annotated[int, Option(help="seed of the halves")],
    manifest: Manifest,
    digest: Digest,
    classes: Classes = False,
    captions: Captions = None,
) -> None:
    """Write the split of a held-out model: a new random half of the units."""
    from encoded_ensembles.codes.splits import random_half, read_coded, write_split
    from encoded_ensembles.data.captions import with_captions

    images, arrays = read_coded(data, code)
    half = random_half(arrays["unit_names"], share=share, model=model, seed=half_seed)
    name = f"heldout {model}"
    if captions:
        images = with_captions(images, captions)
    write_split(
        images, arrays["unit_of"], half, name, manifest, digest,
        classes=classes, captioned=captions is not None,
    )  # fmt: skip
