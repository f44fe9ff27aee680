"""encens plot-loss."""

from pathlib import Path
from typing import Annotated

from typer import Argument

from encoded_ensembles.commands.options.figures import Output


def plot_loss(
    losses: Annotated[
        list[Path], Argument(help="loss.csv of each member, in folders named by member")
    ],
    output: Output,
) -> None:
    """Draw the loss curves of all members."""
    import pandas as pd

    from encoded_ensembles.figures.quality import loss_figure
    from encoded_ensembles.figures.style import save
    from encoded_ensembles.storage.files import check_kept

    for file in losses:
        check_kept(file, keeper=file.with_name("training.json"))
    save(loss_figure({file.parent.name: pd.read_csv(file) for file in losses}), output)
