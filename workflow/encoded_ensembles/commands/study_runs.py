"""encens measure-sizes and keep-study: tables of the studies of several runs."""

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
    """Gather counterfactual radius and false attribution of runs that differ in training size.

    radius: units, sample, radius_published (256x256x3 in [0, 1]), distance (mean over all units, same
    scale), null_distance (mean over null code words). unchanged: units, metric, samples, unchanged
    (share of samples attributed to their nearest unit that stay nearest to it without it), low, high
    (95 %, Wilson), unchanged_other (the same without another unit).
    """
    import numpy as np
    import pandas as pd
    from scipy.stats import binomtest

    from encoded_ensembles.files import read_table, write_table
    from encoded_ensembles.influence import published_scale

    radii, shares = [], []
    for run in runs:
        own = read_table(run / "influence/radius.parquet")
        table = read_table(run / "influence/influence.parquet")
        null = read_table(run / "influence/null.parquet").groupby("sample")["distance"].mean()
        units = int(table["unit"].max()) + 1
        scale = published_scale(np.ones(1), shape=_shape(run))[0]
        distance = table.groupby("sample")["distance"].mean()
        radii.append(
            pd.DataFrame(
                {
                    "units": units,
                    "sample": own["sample"],
                    "radius_published": own["radius_published"],
                    "distance": distance.to_numpy() * scale,
                    "null_distance": null.to_numpy() * scale,
                }
            )
        )
        false = read_table(run / "influence/false_attribution.parquet")
        for metric, rows in false.groupby("metric"):
            test = binomtest(int(rows["unchanged"].sum()), len(rows))
            low, high = test.proportion_ci(method="wilson")
            shares.append(
                {
                    "units": units,
                    "metric": metric,
                    "samples": len(rows),
                    "unchanged": rows["unchanged"].mean(),
                    "low": low,
                    "high": high,
                    "unchanged_other": rows["unchanged_other"].mean(),
                }
            )
    write_table(radius, pd.concat(radii, ignore_index=True).sort_values(["units", "sample"]))
    write_table(unchanged, pd.DataFrame(shares).sort_values(["metric", "units"]))


def _shape(run: Path) -> tuple[int, int, int]:
    """Return (C, H, W) of a run's images."""
    from encoded_ensembles.files import read_tensors

    factual = read_tensors(run / "samples/ensemble.safetensors", names=["factual"])["factual"]
    return factual.shape[1:]


def keep_study(
    files: Annotated[list[Path], Argument(help="tables and figures of the study")],
    config: Annotated[str, Option(help="configurations of its runs by name, as JSON")],
    output: Annotated[Path, Option(help="output, folder: copies of the files, and made.json")],
) -> None:
    """Keep the tables and figures of a study, with the configurations, commit and versions behind them.

    Files of results/RUN that have the same name get RUN's in front.
    """
    import json
    import shutil
    from collections import Counter

    from encoded_ensembles.files import InputError, replacing, write_json
    from encoded_ensembles.integrity import check_any
    from encoded_ensembles.provenance import git_state, versions

    try:
        runs = json.loads(config)
    except json.JSONDecodeError as error:
        raise InputError(f"--config is not JSON ({error}).") from error
    count = Counter(file.name for file in files)
    for file in files:
        check_any(file)
        name = file.name if count[file.name] == 1 else f"{file.parts[1]}-{file.name}"
        with replacing(output / name) as temporary:
            shutil.copyfile(file, temporary)
    made = {"runs": runs, "git": git_state(Path(__file__).parent), "versions": versions()}
    write_json(output / "made.json", made)
