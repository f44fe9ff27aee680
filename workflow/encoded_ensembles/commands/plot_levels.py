"""encens plot-levels."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.figures import Output


def plot_levels(
    levels: Annotated[Path, Option(help="table, .parquet of measure-levels")],
    statistics: Annotated[Path, Option(help="statistics, .parquet of measure-levels")],
    output: Output,
) -> None:
    """Draw the evidence for the nearest units by noise level and by statistic."""
    from encoded_ensembles.figures.studies import levels_figure
    from encoded_ensembles.figures.style import save
    from encoded_ensembles.storage.files import read_table

    save(levels_figure(read_table(levels), read_table(statistics)), output)
