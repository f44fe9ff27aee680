"""The law of the successor (arXiv 2406.07908): log10 of the mean radius against log10 of the number of training images.

python studies/law.py RADIUS --published TABLE.csv --output TABLE.parquet

RADIUS is the .csv of measure-sizes, with columns units, run and radius_published and a row per sample; the names of runs end
with their seed, and every seed has a run of each size. TABLE.csv has a row per published ensemble, with columns ensemble,
images and mean_radius. Writes a row for ours, for all published ensembles, and for each published family of at least three
sizes: points (runs or ensembles), seeds (of ours), least, most (images), slope by least squares with low and high of its 95 %
interval (Student's t: of ours over the slopes of seeds, of others with ensembles as independent), and r2.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from encoded_ensembles.storage.files import write_table
from scipy.stats import linregress, t, ttest_1samp

FEWEST = 3  # points of a line with an interval


def line(name: str, images: pd.Series, radius: pd.Series) -> dict[str, object]:
    """Return the row of a line through points."""
    fit = linregress(np.log10(images), np.log10(radius))
    half = t.ppf(0.975, len(images) - 2) * fit.stderr
    return {
        "law": name, "points": len(images), "least": images.min(), "most": images.max(),
        "slope": fit.slope, "low": fit.slope - half, "high": fit.slope + half, "r2": fit.rvalue**2,
    }  # fmt: skip


def line_of_runs(radius: pd.DataFrame) -> dict[str, object]:
    """Return the row of the line through the mean radii of runs, with the interval over seeds.

    Runs of a seed share noise and images, so each seed counts once: its slope.

    Args:
        radius: units, run, radius_published; every unit is an image.
    """
    mean = radius.groupby(["run", "units"], as_index=False)["radius_published"].mean()
    parts = mean.groupby(mean["run"].str.rsplit("-", n=1).str[-1])
    slopes = [line("", part["units"], part["radius_published"])["slope"] for _, part in parts]
    low, high = ttest_1samp(slopes, 0).confidence_interval()
    row = line("ours", mean["units"], mean["radius_published"])
    return row | {"seeds": len(slopes), "low": low, "high": high}


def laws(ours: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of ours, of all published ensembles, and of each family.

    Args:
        ours: units, run, radius_published; every unit is an image.
        published: ensemble, images, mean_radius.
    """
    rows = [
        line_of_runs(ours),
        line("published", published["images"], published["mean_radius"]),
    ]
    families = published["ensemble"].str.replace(r"_\d+$", "", regex=True)
    for family, part in published.groupby(families):
        if len(part) >= FEWEST:
            rows.append(line(f"published {family}", part["images"], part["mean_radius"]))
    return pd.DataFrame(rows).astype({"seeds": "Int64"})


def main() -> None:
    """Fit all lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("radius", type=Path)
    parser.add_argument("--published", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    given = parser.parse_args()
    table = laws(pd.read_csv(given.radius), pd.read_csv(given.published))
    print(table.to_string(index=False, float_format="{:.3f}".format))
    write_table(given.output, table)


if __name__ == "__main__":
    main()
