"""encens measure-retraining."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.files import Influence


def measure_retraining(
    truth: Annotated[Path, Option(help="truth, .parquet of score-methods")],
    influence: Influence,
    output: Annotated[Path, Option(help="output, .parquet with .csv: one row per way and units")],
) -> None:
    """Compare how far retraining without a unit, a fresh seed, and ablation move samples.

    Columns: way (same: retrained on the same random numbers; fresh: with a fresh seed; seed: the
    fresh seed alone; ablation), units (number left out), distance (mean over units and samples),
    radius (mean over samples of the largest), slope (of ablation on it, through the origin),
    pairs (Spearman with ablation over all pairs), within_samples, within_units (mean over samples,
    over units), seed_share (mean distance of the fresh seed alone divided by that of this way, both
    over the units that were retrained with a fresh seed; empty if none was).
    """
    import pandas as pd

    from encoded_ensembles.grading.agreement import spearman, within_samples, within_units
    from encoded_ensembles.grading.near_signal import seed_share, slope
    from encoded_ensembles.storage.files import read_table, write_table

    distances = read_table(truth).merge(
        read_table(influence)[["sample", "unit", "distance"]], on=["sample", "unit"]
    )
    rows = []
    for way in ("same", "fresh", "seed", "distance"):
        known = distances.dropna(subset=[way])
        if known.empty:
            continue
        retrained, ablated = (
            known.pivot(index="unit", columns="sample", values=each).to_numpy()  # noqa: PD010
            for each in (way, "distance")
        )
        rows.append(
            {
                "way": "ablation" if way == "distance" else way,
                "units": len(retrained),
                "distance": retrained.mean(),
                "radius": retrained.max(axis=0).mean(),
                "slope": slope(retrained, ablated),
                "pairs": spearman(retrained.reshape(-1, 1), ablated.reshape(-1, 1))[0],
                "within_samples": within_samples(ablated, retrained),
                "within_units": within_units(ablated, retrained),
                "seed_share": seed_share(known[way].to_numpy(), known["seed"].to_numpy()),
            }
        )
    write_table(output, pd.DataFrame(rows))
