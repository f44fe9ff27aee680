"""encens plot-scoreboard."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.figures import Output


def plot_scoreboard(
    board: Annotated[Path, Option(help="scoreboard, .parquet of score-methods")], output: Output
) -> None:
    """Draw every method's grades, one panel for each kind of truth."""
    from encoded_ensembles.figures.grading import scoreboard_figure
    from encoded_ensembles.figures.style import save
    from encoded_ensembles.storage.files import read_table

    save(scoreboard_figure(read_table(board)), output)
