"""encens plot-gains."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.figures import Output


def plot_gains(
    gains: Annotated[Path, Option(help="gains, .parquet of grade-methods")],
    areas: Annotated[Path, Option(help="areas, .parquet of grade-methods")],
    calibration: Annotated[Path, Option(help="calibration, .parquet of expect-influence")],
    output: Output,
) -> None:
    """Draw exposure gain curves, and predicted against measured contrast."""
    from encoded_ensembles.figures.grading import gains_figure
    from encoded_ensembles.figures.style import save
    from encoded_ensembles.storage.files import read_table

    tables = (read_table(path) for path in (gains, areas, calibration))
    save(gains_figure(*tables), output)
