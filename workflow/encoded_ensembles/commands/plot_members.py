"""encens plot-members."""

from pathlib import Path
from typing import Annotated

from typer import Argument

from encoded_ensembles.commands.options.figures import Output


def plot_members(
    tables: Annotated[
        list[str], Argument(help="NAME=FILE, a run's name and its .parquet of measure-members")
    ],
    output: Output,
) -> None:
    """Draw the evidence for the nearest units against the number of members."""
    from encoded_ensembles.figures.studies import members_figure
    from encoded_ensembles.figures.style import save
    from encoded_ensembles.storage.files import read_table

    parts = [each.rpartition("=") for each in tables]  # a name may hold a "="
    save(members_figure({name: read_table(Path(file)) for name, _, file in parts}), output)
