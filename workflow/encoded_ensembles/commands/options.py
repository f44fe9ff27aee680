"""Options that several verbs share."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

By = Annotated[str, Option(help="image, label, folder, table or duplicates: what a unit is")]
Table = Annotated[
    Path | None, Option(help="for table: .csv or .parquet with a column name (of images)")
]
Column = Annotated[str, Option(help="for table: its column that names the unit")]
Metric = Annotated[str, Option(help="for duplicates: phash (bits of 64) or pixels (0..1)")]
Threshold = Annotated[float, Option(help="for duplicates: images at most so far apart are one")]
Plants = Annotated[
    list[str] | None,
    Option(help="plant, NAME:KIND:IMAGES:together or NAME:KIND:IMAGES:apart; repeatable"),
]
Ledger = Annotated[
    Path | None,
    Option(help="folder that remembers what was given earlier, so that it stays; none if absent"),
]
Code = Annotated[Path, Option(help="code, .npz of encode-units")]
Data = Annotated[Path, Option(help="training images, .npz of fetch-dataset")]


def every_block(given: list[Path]) -> list[Path]:
    """Return blocks, with every FOLDER/*-of-N replaced by its N files.

    A shell line holds one such argument however many blocks there are.
    """
    from encoded_ensembles.landscape import every_block as expanded

    return expanded(given)


Blocks = Annotated[
    list[Path],
    Argument(
        help="all blocks of the landscape, .safetensors of ablate-block; 'FOLDER/*-of-N.safetensors' in quotes stands for all N",
        callback=every_block,
    ),
]
Samples = Annotated[Path, Option(help="samples, .safetensors of sample-ensemble")]
