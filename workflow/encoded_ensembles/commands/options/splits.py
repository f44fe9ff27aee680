"""Options of the verbs that write splits."""

from pathlib import Path
from typing import Annotated

from typer import Option

Manifest = Annotated[Path, Option(help="output, .json: indices of the images, and their digest")]
Digest = Annotated[
    Path, Option(help="output, .sha256: the digest alone; training depends on this file")
]
Classes = Annotated[
    bool,
    Option(
        help="networks are conditioned on labels; the digest then covers them and all label names"
    ),
]
Captions = Annotated[
    Path | None,
    Option(help="captions, .parquet of fetch-dataset, which the digest then covers too"),
]
