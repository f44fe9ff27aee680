"""encens split-control."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.files import Code, Data
from encoded_ensembles.commands.options.splits import Captions, Classes, Digest, Manifest


def split_control(
    data: Data,
    code: Code,
    controls: Annotated[Path, Option(help="units to retrain without, .parquet of choose-controls")],
    control: Annotated[int, Option(help="number of the unit, among --controls")],
    seen: Annotated[int, Option(help="number of the member among those that saw it, 0 to w-1")],
    manifest: Manifest,
    digest: Digest,
    classes: Classes = False,
    captions: Captions = None,
) -> None:
    """Write the split of a member that is retrained without a unit."""
    import numpy as np

    from encoded_ensembles.codes.splits import number_below, read_coded, write_split
    from encoded_ensembles.data.captions import with_captions
    from encoded_ensembles.storage.files import read_table

    images, arrays = read_coded(data, code)
    matrix, units = arrays["code"], read_table(controls)["unit"].to_numpy()
    unit = units[number_below(control, len(units), "--control")]
    saw = np.flatnonzero(matrix[unit])
    member = int(saw[number_below(seen, len(saw), "--seen")])
    column = matrix[:, member].copy()
    column[unit] = False
    if captions:
        images = with_captions(images, captions)
    write_split(
        images, arrays["unit_of"], column, f"{member:02d}", manifest, digest,
        classes=classes, captioned=captions is not None,
    )  # fmt: skip
