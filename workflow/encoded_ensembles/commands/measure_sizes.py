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
    """Collect counterfactual radius and false attribution of runs that differ in training size, or in their seeds.

    radius: units, run (name of its folder), sample, radius_published (256x256x3 in [0, 1]), distance (mean over all
    units, same scale), null_distance (mean over null code words). unchanged, over all runs of a size: units, metric,
    samples, trials (different units of a run that are nearest to a sample), unchanged (share of samples attributed to
    their nearest unit that stay nearest to it without it), low, high (95 %, Wilson, of as many trials),
    unchanged_other (the same without another unit, mean over samples), p (exact test, two-sided: those of a unit stay
    unchanged with the probability that they have without another unit, all of them or none).
    """
    import numpy as np
    import pandas as pd

    from encoded_ensembles.grading.agreement import share_interval
    from encoded_ensembles.grading.false_attribution import count_p_value
    from encoded_ensembles.influence.ablation import published_scale
    from encoded_ensembles.runs import layout
    from encoded_ensembles.storage.files import read_table, write_table

    tested = ("unit", "unchanged", "unchanged_other")
    radii, false = [], []
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
                    "run": run.name,
                    "sample": radius_table["sample"],
                    "radius_published": radius_table["radius_published"],
                    "distance": distance.to_numpy() * scale,
                    "null_distance": null.to_numpy() * scale,
                }
            )
        )
        table = read_table(run / layout.FALSE_ATTRIBUTION)
        false.append(table.assign(units=units, unit=run.name + "/" + table["unit"].astype(str)))
    shares = []
    for (metric, size), rows in pd.concat(false).groupby(["metric", "units"]):
        share, trials = rows["unchanged"].mean(), rows["unit"].nunique()
        low, high = share_interval(share, trials)
        shares.append(
            {
                "units": size,
                "metric": metric,
                "samples": len(rows),
                "trials": trials,
                "unchanged": share,
                "low": low,
                "high": high,
                "unchanged_other": rows["unchanged_other"].mean(),
                "p": count_p_value(*(rows[name].to_numpy() for name in tested)),
            }
        )
    order = ["units", "run", "sample"]
    write_table(radius, pd.concat(radii, ignore_index=True).sort_values(order))
    write_table(unchanged, pd.DataFrame(shares))


def _shape(run: Path) -> tuple[int, int, int]:
    """Return (C, H, W) of a run's images."""
    from encoded_ensembles.runs import layout
    from encoded_ensembles.storage.files import read_tensors

    factual = read_tensors(run / layout.SAMPLES, names=["factual"])["factual"]
    return factual.shape[1:]
