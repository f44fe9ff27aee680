"""encens measure-sizes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

if TYPE_CHECKING:
    import pandas as pd


def measure_sizes(
    runs: Annotated[list[Path], Argument(help="folders of runs, results/NAME, of several sizes")],
    radius: Annotated[
        Path, Option(help="output, .parquet with .csv: one row per (training units, sample)")
    ],
    unchanged: Annotated[
        Path, Option(help="output, .parquet with .csv: one row per (training units, metric)")
    ],
    attributions: Annotated[
        Path, Option(help="output, .parquet with .csv: one row per (run, metric, sample)")
    ],
) -> None:
    """Collect counterfactual radius and false attribution of runs that differ in training size, or in their seeds.

    radius: units, run (name of its folder), sample, radius_published (256x256x3 in [0, 1]), distance (mean over all
    units, same scale), null_distance (mean over null code words). unchanged, over all runs of a size: units, metric,
    samples, trials (different units of a run that are nearest to a sample), unchanged (share of samples attributed to
    their nearest unit that stay nearest to it without it), low, high (95 %, Wilson, of as many trials),
    unchanged_other (the same without another unit, mean over samples), p (exact test, two-sided: those of a unit stay
    unchanged with the probability that they have without another unit, all of them or none). attributions, from which these
    follow: units, run, metric, sample, unit (nearest), unchanged, unchanged_other.
    """
    import numpy as np
    import pandas as pd

    from encoded_ensembles.influence.ablation import published_scale
    from encoded_ensembles.runs import layout
    from encoded_ensembles.storage.files import read_table, write_table

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
        false.append(read_table(run / layout.FALSE_ATTRIBUTION).assign(units=units, run=run.name))
    attributed = pd.concat(false, ignore_index=True)
    order = ["units", "run", "sample"]
    write_table(radius, pd.concat(radii, ignore_index=True).sort_values(order))
    write_table(unchanged, count_unchanged(attributed))
    order = ["units", "run", "metric", "sample"]
    columns = [*order, "unit", "unchanged", "unchanged_other"]
    write_table(attributions, attributed[columns].sort_values(order))


def count_unchanged(attributed: "pd.DataFrame") -> "pd.DataFrame":
    """Return the table `unchanged` from `attributions`."""
    import pandas as pd

    from encoded_ensembles.grading.agreement import share_interval
    from encoded_ensembles.grading.false_attribution import count_p_value

    tested = ("unit", "unchanged", "unchanged_other")
    shares = []
    for (metric, size), rows in attributed.groupby(["metric", "units"]):
        rows = rows.assign(unit=rows["run"] + "/" + rows["unit"].astype(str))
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
    return pd.DataFrame(shares)


def _shape(run: Path) -> tuple[int, int, int]:
    """Return (C, H, W) of a run's images."""
    from encoded_ensembles.runs import layout
    from encoded_ensembles.storage.files import read_tensors

    factual = read_tensors(run / layout.SAMPLES, names=["factual"])["factual"]
    return factual.shape[1:]
