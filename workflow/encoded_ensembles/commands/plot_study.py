"""encens plot-sizes, plot-levels and plot-members: figures of the studies."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from encoded_ensembles.commands.plot import Output, save


def plot_sizes(
    radius: Annotated[Path, Option(help="table, .parquet of measure-sizes")],
    unchanged: Annotated[Path, Option(help="table, .parquet of measure-sizes")],
    published_radius: Annotated[Path, Option(help="published radii, .csv")],
    published_unchanged: Annotated[Path, Option(help="published false attributions, .csv")],
    output: Output,
) -> None:
    """Draw counterfactual radius and false attribution against training size."""
    import pandas as pd

    from encoded_ensembles.files import read_table
    from encoded_ensembles.study_figures import sizes_figure

    figure = sizes_figure(
        read_table(radius),
        read_table(unchanged),
        pd.read_csv(published_radius),
        pd.read_csv(published_unchanged),
    )
    save(figure, output)


def plot_levels(
    levels: Annotated[Path, Option(help="table, .parquet of measure-levels")],
    statistics: Annotated[Path, Option(help="statistics, .parquet of measure-levels")],
    output: Output,
) -> None:
    """Draw at which noise level, and in which statistic, the nearest units show."""
    from encoded_ensembles.files import read_table
    from encoded_ensembles.study_figures import levels_figure

    save(levels_figure(read_table(levels), read_table(statistics)), output)


def plot_members(
    tables: Annotated[
        list[str], Argument(help="NAME=FILE, a run's name and its .parquet of measure-members")
    ],
    output: Output,
) -> None:
    """Draw what the nearest units show against the number of members."""
    from encoded_ensembles.files import read_table
    from encoded_ensembles.study_figures import members_figure

    parts = [each.rpartition("=") for each in tables]  # names may hold one
    save(members_figure({name: read_table(Path(file)) for name, _, file in parts}), output)
