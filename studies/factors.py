"""What does the counterfactual radius depend on? Runs that differ from the first by a single factor each.

python studies/factors.py BASE RUN ... --output TABLE.parquet      folders of runs, finished up to influence/

Writes a row per run: run; radius (mean over samples, in the published scale, 256x256x3 in [0, 1]); distance and
null_distance (mean over samples, and over units or null code words, in the same scale; of exact landscapes, since
a screened one predicts most units' distances from those of null words); and ratio, the geometric mean over samples of
the radius divided by that of the first run, with low and high of its 95 % interval (Welch's t on logarithms over
samples, which are not paired: at another size they begin with other noise; empty for the first run). The interval is that of one
pair of ensembles: other seeds of training are not in it.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from encoded_ensembles.runs import layout
from encoded_ensembles.storage.files import read_table, write_table
from scipy.stats import ttest_ind


def radii(run: Path) -> pd.DataFrame:
    """Return radius, distance and null_distance of each sample, in the published scale."""
    table = read_table(run / layout.RADIUS).set_index("sample")
    scale = table["radius_published"] / table["radius"]
    means = {
        name: read_table(run / file).groupby("sample")["distance"].mean() * scale
        for name, file in (("distance", layout.INFLUENCE), ("null_distance", layout.NULL))
    }
    return pd.DataFrame({"radius": table["radius_published"]} | means)


def compare(runs: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of runs, the first of which is what the others are compared with.

    Args:
        runs: for each run the result of `radii`.
    """
    base = np.log(next(iter(runs.values()))["radius"])
    rows = []
    for name, table in runs.items():
        logs = np.log(table["radius"])
        ends = (np.nan, np.nan)
        if rows:
            ends = np.exp(ttest_ind(logs, base, equal_var=False).confidence_interval())
        ratio = {"ratio": np.exp(logs.mean() - base.mean()), "low": ends[0], "high": ends[1]}
        rows.append({"run": name} | table.mean().to_dict() | ratio)
    return pd.DataFrame(rows)


def main() -> None:
    """Compare the runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--output", type=Path, required=True)
    given = parser.parse_args()
    table = compare({run.name: radii(run) for run in given.runs})
    print(table.to_string(index=False, float_format="{:.3f}".format))
    write_table(given.output, table)


if __name__ == "__main__":
    main()
