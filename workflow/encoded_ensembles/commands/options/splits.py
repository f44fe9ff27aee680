"""Options of the verbs that write splits."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

if TYPE_CHECKING:
    import numpy as np

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


def split_all(
    data: Path,
    code: Path,
    output: Path,
    classes: bool,
    captions: Path | None,
    *,
    splits_of: "Callable[[Mapping[str, np.ndarray]], Mapping[str, tuple[str, np.ndarray]]]",
) -> None:
    """Write the splits that a function makes of the arrays of the code; see `codes.splits.write_splits`."""
    from encoded_ensembles.codes.splits import read_coded, write_splits
    from encoded_ensembles.data.captions import with_captions

    images, arrays = read_coded(data, code)
    if captions:
        images = with_captions(images, captions)
    write_splits(
        images, arrays["unit_of"], splits_of(arrays), output,
        classes=classes, captioned=captions is not None,
    )  # fmt: skip
