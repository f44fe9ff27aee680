"""encens plot-truth."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.figures import Output
from encoded_ensembles.commands.options.files import Influence


def plot_truth(
    truth: Annotated[Path, Option(help="truth, .parquet of score-methods")],
    influence: Influence,
    output: Output,
) -> None:
    """Draw how far samples move without a unit: by ablation, retraining, and a fresh seed."""
    from encoded_ensembles.figures.grading import truth_figure
    from encoded_ensembles.figures.style import save
    from encoded_ensembles.storage.files import read_table

    save(truth_figure(read_table(truth), read_table(influence)), output)
