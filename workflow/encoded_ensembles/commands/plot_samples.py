"""encens plot-samples."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.figures import Output, Scores


def plot_samples(
    scores: Scores,
    pictures: Annotated[Path, Option(help="first images of each set, .npz of score-frechet")],
    output: Output,
) -> None:
    """Draw real images and samples of the full model, a member, the ensemble, ablated ensembles.

    Each row shows the first images of a set, with its Frechet distance.
    """
    import numpy as np

    from encoded_ensembles.data.images import to_signed
    from encoded_ensembles.features.frechet import caution, describe
    from encoded_ensembles.figures.landscape import samples_figure
    from encoded_ensembles.figures.style import save
    from encoded_ensembles.storage.files import read_arrays, read_table

    table = read_table(scores)
    drawn = read_arrays(pictures)["images"]
    distance = describe(table["extractor"].iloc[0]).partition(" (")[0]
    usual = table["images"].max()
    rows = []
    for name, label, many in (
        ("real", "real images", 1),
        ("full", "full model", 1),
        ("member", "member {member}", 1),
        ("factual", "ensemble of {kept}", 1),
        ("ablated", "ablated ensemble of {kept}", 2),
    ):
        for place in np.flatnonzero(table["set"] == name)[:many]:
            row = table.iloc[place]
            title = label.format(kept=row["kept"], member=row["keep"].find("1"))
            score = f"{distance} {row['frechet']:.1f} ± {row['frechet_error']:.1f}"
            few = "" if row["images"] == usual else f"\n({row['images']} images, not {usual})"
            rows.append((title, score + few, to_signed(drawn[place])))
    save(samples_figure(rows, remark=caution(table)), output)
