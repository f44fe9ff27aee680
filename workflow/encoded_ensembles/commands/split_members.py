"""encens split-members."""

from collections.abc import Mapping

from encoded_ensembles.commands.options.files import Code, Data
from encoded_ensembles.commands.options.splits import Captions, Classes, SplitFolder, split_all


def split_members(
    data: Data,
    code: Code,
    output: SplitFolder,
    classes: Classes = False,
    captions: Captions = None,
) -> None:
    """Write the split of every member, and of the model `full` that is trained on all units.

    The digest covers names and pixels of the images, not their positions: it changes if and only if
    the member has to be trained again.
    """
    import numpy as np

    from encoded_ensembles.codes.splits import FULL

    def splits_of(arrays: Mapping[str, np.ndarray]) -> dict[str, tuple[str, np.ndarray]]:
        matrix = arrays["code"]
        names = [*(f"{member:02d}" for member in range(matrix.shape[1])), FULL]
        seen = [*matrix.T, np.ones(len(matrix), bool)]
        return {name: (name, units) for name, units in zip(names, seen, strict=True)}

    split_all(data, code, output, classes, captions, splits_of=splits_of)
