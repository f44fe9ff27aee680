"""Output tables of the verbs that measure influence."""

from pathlib import Path
from typing import Annotated

from typer import Option

PairTable = Annotated[Path, Option(help="output, .parquet with .csv: one row per (sample, unit)")]
NullTable = Annotated[
    Path, Option(help="output, .parquet with .csv: one row per (sample, null code word)")
]
SampleTable = Annotated[Path, Option(help="output, .parquet with .csv: one row per sample")]
AliasingTable = Annotated[
    Path, Option(help="output, .parquet with .csv: one row per Hamming distance of two words")
]
