"""encens split-controls."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.files import Code, Data
from encoded_ensembles.commands.options.splits import Captions, Classes, SplitFolder


def split_controls(
    data: Data,
    code: Code,
    controls: Annotated[Path, Option(help="units to retrain without, .parquet of choose-controls")],
    output: SplitFolder,
    classes: Classes = False,
    captions: Captions = None,
) -> None:
    """Write the splits of the members that are retrained without each unit: control.{control}.{0..w-1}."""
    import numpy as np

    from encoded_ensembles.codes.splits import read_coded, write_splits
    from encoded_ensembles.data.captions import with_captions
    from encoded_ensembles.storage.files import read_table

    images, arrays = read_coded(data, code)
    if captions:
        images = with_captions(images, captions)
    matrix, splits = arrays["code"], {}
    for control, unit in enumerate(read_table(controls)["unit"]):
        others = np.arange(len(matrix)) != unit
        for seen, member in enumerate(np.flatnonzero(matrix[unit])):
            name = f"control.{control}.{seen}"
            splits[name] = (f"{member:02d}", matrix[:, member] & others)
    write_splits(
        images, arrays["unit_of"], splits, output, classes=classes, captioned=captions is not None
    )
