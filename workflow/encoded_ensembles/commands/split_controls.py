"""encens split-controls."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.files import Code, Data
from encoded_ensembles.commands.options.splits import Captions, Classes, SplitFolder, split_all


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

    from encoded_ensembles.storage.files import read_table

    def splits_of(arrays: Mapping[str, np.ndarray]) -> dict[str, tuple[str, np.ndarray]]:
        matrix, splits = arrays["code"], {}
        for control, unit in enumerate(read_table(controls)["unit"]):
            others = np.arange(len(matrix)) != unit
            for seen, member in enumerate(np.flatnonzero(matrix[unit])):
                name = f"control.{control}.{seen}"
                splits[name] = (f"{member:02d}", matrix[:, member] & others)
        return splits

    split_all(data, code, output, classes, captions, splits_of=splits_of)
