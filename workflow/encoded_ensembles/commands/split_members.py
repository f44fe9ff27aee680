"""encens split-members."""

from encoded_ensembles.commands.options.files import Code, Data
from encoded_ensembles.commands.options.splits import Captions, Classes, SplitFolder


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

    from encoded_ensembles.codes.splits import FULL, read_coded, write_splits
    from encoded_ensembles.data.captions import with_captions

    images, arrays = read_coded(data, code)
    if captions:
        images = with_captions(images, captions)
    seen = {f"{member:02d}": column for member, column in enumerate(arrays["code"].T)}
    seen[FULL] = np.ones(len(arrays["code"]), bool)
    splits = {name: (name, units) for name, units in seen.items()}
    write_splits(
        images, arrays["unit_of"], splits, output, classes=classes, captioned=captions is not None
    )
