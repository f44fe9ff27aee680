"""Files that several verbs read or write."""

from pathlib import Path
from typing import Annotated

from typer import Option

Data = Annotated[Path, Option(help="training images, .npz of fetch-dataset")]
Heldout = Annotated[Path, Option(help="held-out images, .npz of fetch-dataset")]
Code = Annotated[Path, Option(help="code, .npz of encode-units")]
Samples = Annotated[Path, Option(help="samples, .safetensors of sample-ensemble")]
Pulls = Annotated[Path, Option(help="pulls, .safetensors of follow-members")]
Contrast = Annotated[Path, Option(help="contrast, .parquet of measure-contrast")]
Answers = Annotated[Path, Option(help="answers, .parquet of measure-contrast")]
Pictures = Annotated[Path, Option(help="pictures to attribute, .npz of choose-queries")]
Influence = Annotated[Path, Option(help="influence, .parquet of measure-influence")]
Ledger = Annotated[
    Path | None,
    Option(help="folder with earlier choices, which stay as they are; no such folder if absent"),
]
NullWords = Annotated[
    int, Option(help="largest number of null code words in the null distribution")
]
NetworkFolder = Annotated[Path, Option(help="output folder: config.json and weights (safetensors)")]
NetworkDigest = Annotated[Path, Option(help="output, .json: the SHA-256 of both files")]
