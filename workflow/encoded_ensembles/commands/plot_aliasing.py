"""encens plot-aliasing."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.figures import Output


def plot_aliasing(
    aliasing: Annotated[Path, Option(help="aliasing, .parquet of measure-influence")],
    output: Output,
) -> None:
    """Draw the similarity of two units' influences against their code words' Hamming distance."""
    from encoded_ensembles.figures.code import aliasing_figure
    from encoded_ensembles.figures.style import save
    from encoded_ensembles.storage.files import read_table

    save(aliasing_figure(read_table(aliasing)), output)
