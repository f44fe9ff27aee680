"""encens plot-gains, plot-scoreboard and plot-truth."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.plot import Output, save


def plot_gains(
    gains: Annotated[Path, Option(help="gains, .parquet of grade-methods")],
    areas: Annotated[Path, Option(help="areas, .parquet of grade-methods")],
    calibration: Annotated[Path, Option(help="calibration, .parquet of expect-influence")],
    output: Output,
) -> None:
    """Draw exposure gain curves, and what was expected against what was found."""
    from encoded_ensembles.files import read_table
    from encoded_ensembles.grade_figures import gains_figure

    tables = (read_table(path) for path in (gains, areas, calibration))
    save(gains_figure(*tables), output)


def plot_scoreboard(
    board: Annotated[Path, Option(help="scoreboard, .parquet of score-methods")], output: Output
) -> None:
    """Draw every method's grades, one panel for each kind of truth."""
    from encoded_ensembles.files import read_table
    from encoded_ensembles.grade_figures import scoreboard_figure

    save(scoreboard_figure(read_table(board)), output)


def plot_truth(
    truth: Annotated[Path, Option(help="truth, .parquet of score-methods")],
    influence: Annotated[Path, Option(help="influence, .parquet of measure-influence")],
    output: Output,
) -> None:
    """Draw how far samples move without a unit: by ablation, retraining, and a fresh seed."""
    from encoded_ensembles.files import read_table
    from encoded_ensembles.grade_figures import truth_figure

    save(truth_figure(read_table(truth), read_table(influence)), output)
