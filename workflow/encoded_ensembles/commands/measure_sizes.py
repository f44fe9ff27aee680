"""encens measure-sizes."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option


def measure_sizes(
    runs: Annotated[list[Path], Argument(help="folders of runs, results/NAME, of several sizes")],
    radius: Annotated[
        Path, Option(help="output, .parquet with .csv: one row per (training units, sample)")
    ],
    unchanged: Annotated[
        Path, Option(help="output, .parquet with .csv: one row per (training units, metric)")
    ],
) -> None:
    """Collect counterfactual radius and false attribution of runs that differ in training size.

    radius: units, sample, radius_published (256x256x3 in [0, 1]), distance (mean over all units, same
    scale), null_distance (mean over null code words). unchanged: units, metric, samples, unchanged
    (share of samples attributed to their nearest unit that stay nearest to it without it), low, high
    (95 %, Wilson), unchanged_other (the same without another unit, mean over samples), p (exact test, two-sided:
    each sample stays unchanged with the probability that it has without another unit).
    """
    import numpy as np
    import pandas as pd
    from scipy.stats import binomtest, poisson_binom

    from encoded_ensembles.influence.ablation import published_scale
    from encoded_ensembles.runs import layout
    from encoded_ensembles.storage.files import read_table, write_table

    radii, shares = [], []
    for run in runs:
        radius_table = read_table(run / layout.RADIUS)
        table = read_table(run / layout.INFLUENCE)
        null = read_table(run / layout.NULL).groupby("sample")["distance"].mean()
        units = int(table["unit"].max()) + 1
        scale = published_scale(np.ones(1), shape=_shape(run))[0]
        distance = table.groupby("sample")["distance"].mean()
        radii.append(
            pd.DataFrame(
                {
                    "units": units,
                    "sample": radius_table["sample"],
                    "radius_published": radius_table["radius_published"],
                    "distance": distance.to_numpy() * scale,
                    "null_distance": null.to_numpy() * scale,
                }
            )
        )
        false = read_table(run / layout.FALSE_ATTRIBUTION)
        for metric, rows in false.groupby("metric"):
            count = int(rows["unchanged"].sum())
            low, high = binomtest(count, len(rows)).proportion_ci(method="wilson")
            likely = poisson_binom(rows["unchanged_other"].to_numpy()).pmf(np.arange(len(rows) + 1))
            no_likelier = likely <= likely[count] * (1 + 1e-7)  # as binomtest decides ties
            shares.append(
                {
                    "units": units,
                    "metric": metric,
                    "samples": len(rows),
                    "unchanged": rows["unchanged"].mean(),
                    "low": low,
                    "high": high,
                    "unchanged_other": rows["unchanged_other"].mean(),
                    "p": min(1.0, likely[no_likelier].sum()),
                }
            )
    write_table(radius, pd.concat(radii, ignore_index=True).sort_values(["units", "sample"]))
    write_table(unchanged, pd.DataFrame(shares).sort_values(["metric", "units"]))


def _shape(run: Path) -> tuple[int, int, int]:
    """Return (C, H, W) of a run's images."""
    from encoded_ensembles.runs import layout
    from encoded_ensembles.storage.files import read_tensors

    factual = read_tensors(run / layout.SAMPLES, names=["factual"])["factual"]
    return factual.shape[1:]
