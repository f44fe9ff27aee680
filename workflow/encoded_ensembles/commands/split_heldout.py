"""encens split-heldout."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from typer import Option

from encoded_ensembles.commands.options.files import Code, Data
from encoded_ensembles.commands.options.splits import Captions, Classes, SplitFolder, split_all

if TYPE_CHECKING:
    import numpy as np


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
    from encoded_ensembles.codes.splits import random_half

    def splits_of(arrays: "Mapping[str, np.ndarray]") -> "dict[str, tuple[str, np.ndarray]]":
        names = arrays["unit_names"]
        return {
            f"heldout.{model}": (
                f"heldout {model}",
                random_half(names, share=share, model=model, seed=half_seed),
            )
            for model in range(models)
        }

    split_all(data, code, output, classes, captions, splits_of=splits_of)
