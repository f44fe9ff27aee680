"""Options of the verbs that write splits."""

from pathlib import Path
from typing import Annotated

from typer import Option

SplitFolder = Annotated[
    Path,
    Option(
        "--output",
        help="output, folder: for each split a .json, indices of its images and their digest, and a .sha256, the digest alone; training depends on this file",
    ),
]
Classes = Annotated[
    bool, Option(help="networks are conditioned on labels, which the digest then covers too")
]
Captions = Annotated[
    Path | None,
    Option(help="captions, .parquet of fetch-dataset, which the digest then covers too"),
]
