"""encens plot-landscape."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.figures import Chosen, Output
from encoded_ensembles.commands.options.files import Influence


def plot_landscape(
    influence: Influence,
    null: Annotated[Path, Option(help="null distances, .parquet of measure-influence")],
    chosen: Chosen,
    output: Output,
) -> None:
    """Draw the landscape of chosen samples against its null distribution."""
    from encoded_ensembles.figures.landscape import landscape_figure
    from encoded_ensembles.figures.style import save
    from encoded_ensembles.storage.files import read_table

    numbers = [int(part) for part in chosen.split(",")]
    save(landscape_figure(read_table(influence), read_table(null), numbers), output)
