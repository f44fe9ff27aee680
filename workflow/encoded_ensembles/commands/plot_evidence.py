"""encens plot-evidence."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.figures import Output
from encoded_ensembles.commands.options.files import Contrast


def plot_evidence(
    contrast: Contrast,
    sets: Annotated[Path, Option(help="sets, .parquet of measure-contrast")],
    output: Output,
) -> None:
    """Draw the p-values of all units, and how often the nearest units together have p <= 0.05."""
    from encoded_ensembles.figures.evidence import evidence_figure
    from encoded_ensembles.figures.style import save
    from encoded_ensembles.storage.files import read_table

    save(evidence_figure(read_table(contrast), read_table(sets)), output)
