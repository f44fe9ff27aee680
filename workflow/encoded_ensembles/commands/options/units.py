"""Options that define units and plants."""

from pathlib import Path
from typing import Annotated

from typer import Option

By = Annotated[str, Option(help="what a unit is: image, label, folder, table, duplicates or word")]
Table = Annotated[
    Path | None, Option(help="for table: .csv or .parquet with a column name (of images)")
]
Column = Annotated[str, Option(help="for table: the column that names the unit")]
Metric = Annotated[str, Option(help="for duplicates: phash (bits of 64) or pixels (0..1)")]
Threshold = Annotated[
    float, Option(help="for duplicates: largest distance of two images of the same unit")
]
Plants = Annotated[
    list[str] | None,
    Option(help="plant, NAME:KIND:IMAGES:together or NAME:KIND:IMAGES:apart; repeatable"),
]
Excluded = Annotated[
    list[str] | None,
    Option(help="name in units.exclude, whose rows in --foreign are ignored; repeatable"),
]
Words = Annotated[
    list[str] | None,
    Option(help="for word: a word of captions, a unit each, the first that is held; repeatable"),
]
