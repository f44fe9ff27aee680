"""encens split-heldout."""

from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.files import Code, Data
from encoded_ensembles.commands.options.splits import Captions, Classes, SplitFolder


def split_heldout(
    data: Data,
    code: Code,
    models: Annotated[int, Option(help="number of held-out models, each with a random half")],
    share: Annotated[float, Option(help="share of units that a model sees, above 0, below 1")],
    half_seed: Annotated[int, Option(help="seed of the halves")],
    output: SplitFolder,
    classes: Classes = False,
    captions: Captions = None,
) -> None:
    """Write the splits of held-out models, heldout.{model}: a new random half of the units each."""
    from encoded_ensembles.codes.splits import random_half, read_coded, write_splits
    from encoded_ensembles.data.captions import with_captions

    images, arrays = read_coded(data, code)
    if captions:
        images = with_captions(images, captions)
    names = arrays["unit_names"]
    halves = {
        model: random_half(names, share=share, model=model, seed=half_seed)
        for model in range(models)
    }
    splits = {f"heldout.{model}": (f"heldout {model}", half) for model, half in halves.items()}
    write_splits(
        images, arrays["unit_of"], splits, output, classes=classes, captioned=captions is not None
    )
