"""encens plot-sizes."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.figures import Output


def plot_sizes(
    radius: Annotated[Path, Option(help="table, .parquet of measure-sizes")],
    unchanged: Annotated[Path, Option(help="table, .parquet of measure-sizes")],
    published_radius: Annotated[Path, Option(help="published radii, .csv")],
    published_unchanged: Annotated[Path, Option(help="published false attributions, .csv")],
    output: Output,
) -> None:
    """Draw counterfactual radius and false attribution against training size."""
    import pandas as pd

    from encoded_ensembles.figures.studies import sizes_figure
    from encoded_ensembles.figures.style import save
    from encoded_ensembles.storage.files import read_table

    figure = sizes_figure(
        read_table(radius),
        read_table(unchanged),
        pd.read_csv(published_radius),
        pd.read_csv(published_unchanged),
    )
    save(figure, output)
