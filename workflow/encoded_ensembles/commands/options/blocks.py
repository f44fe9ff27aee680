"""The blocks of a landscape."""

from pathlib import Path
from typing import Annotated

from typer import Argument


def every_block(given: list[Path]) -> list[Path]:
    """Return blocks, with every FOLDER/*-of-N replaced by its N files.

    One such argument keeps the shell line short, whatever the number of blocks.
    """
    from encoded_ensembles.ensemble.landscape import every_block as expanded

    return expanded(given)


Blocks = Annotated[
    list[Path],
    Argument(
        help="all blocks of the landscape, .safetensors of ablate-block; 'FOLDER/*-of-N.safetensors' in quotes stands for all N",
        callback=every_block,
    ),
]
