"""Statistics of units against retraining: does the unit that a statistic ranks high move the sample most?

python studies/agreement.py RUN --truth TRUTH.csv --output TABLE.parquet

RUN is a finished run, or finished up to contrast/. TRUTH has columns sample, unit_name and same (or another, by
--column): how far the sample moves if its members are retrained without the unit. Writes a row per statistic, and per difference of two: spearman
over units, mean over samples, with low and high of a 95 % bootstrap interval over units and samples; and of
samples whose most alike unit is among the retrained ones: near, their number; near_rank, the unit's mean rank
among these; near_first, samples that rank it first.

Of a run with retrained planted units, `--planted` takes TRUTH's place: a row per planted unit, whether a sample bears
its plant, and whether the unit is named for it: samples; moved, how far they move without the unit, mean; away, by how much
their distance from the plant grows, mean; farther, samples for which it grows; and moved_p and away_p, of a one-sided
Mann-Whitney test that samples that do not bear the plant move more if the unit is named for them.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from encoded_ensembles.data.images import read_images, to_signed
from encoded_ensembles.data.plants import distances
from encoded_ensembles.grading.agreement import bootstrap, within_samples
from encoded_ensembles.storage.files import (
    read_arrays,
    read_facts,
    read_table,
    read_tensors,
    write_table,
)
from scipy.stats import mannwhitneyu

LEVEL, DRAWS = 0.05, 1000
SCORES = ["joint_z", "contrast_z", "undirected_z", "likeness"]


def agreement(pairs: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the statistics, and of the difference of the first two.

    Args:
        pairs: contrast.parquet of the run.
        truth: sample, unit_name, same.
    """
    pairs = pairs.assign(likeness=pairs["weight"])
    most_alike = pairs["weight"] == pairs.groupby("sample")["weight"].transform("max")
    both = pairs.assign(nearest=most_alike).merge(truth, on=["sample", "unit_name"])
    wide = {
        name: both.pivot_table(index="unit_name", columns="sample", values=name).to_numpy()
        for name in [*SCORES, "same"]
    }
    moved = wide["same"]
    drawn = {
        name: bootstrap(
            lambda rows, columns, name=name: within_samples(
                wide[name][np.ix_(rows, columns)], moved[np.ix_(rows, columns)]
            ),
            moved.shape, draws=DRAWS, seed=0,
        )
        for name in SCORES
    }  # fmt: skip
    mean = {name: within_samples(wide[name], moved) for name in SCORES}
    first, second = SCORES[:2]
    drawn[f"{first} - {second}"] = drawn[first] - drawn[second]
    mean[f"{first} - {second}"] = mean[first] - mean[second]
    rows = []
    for name, value in mean.items():
        low, high = np.nanquantile(drawn[name], [0.025, 0.975])
        rows.append({"statistic": name, "spearman": value, "low": low, "high": high})
    for row in [*rows[: len(SCORES)], {"statistic": "same"}]:
        rank = both.groupby("sample")[row["statistic"]].rank(ascending=False)[both["nearest"]]
        row |= {
            "near": len(rank), "near_rank": rank.mean(), "near_first": int((rank == 1).sum()),
        }  # fmt: skip
        if row["statistic"] == "same":
            rows.append(row)
    return pd.DataFrame(rows)


def planted(run: Path) -> pd.DataFrame:
    """Return how far samples move without a planted unit, by whether they bear it and it is named."""
    drawn = read_tensors(run / "retrain/samples.safetensors", names=["units", "same"])
    factual = read_tensors(run / "samples/ensemble.safetensors", names=["factual"])["factual"]
    moved = np.linalg.norm((drawn["same"] - factual).reshape(*drawn["same"].shape[:2], -1), axis=2)
    names = read_arrays(run / "code/code.npz")["unit_names"]
    truth = read_table(run / "planted/planted.parquet").sort_values("sample")
    pairs = read_table(run / "contrast/contrast.parquet").sort_values("sample")
    images = read_images(run / "data/training.npz")
    plants = {each["name"]: each for each in read_facts(run / "data/dataset.json")["plants"]}
    rows = []
    for unit, distance, samples in zip(drawn["units"], moved, drawn["same"], strict=True):
        own = truth[truth["units"] == str(unit)]
        plant = plants[own["plant"].iloc[0]]
        shown = to_signed(images.images[np.isin(images.names, plant["images"])])
        before, after = (distances(each, shown, kind=plant["kind"]) for each in (factual, samples))
        away, bears = after - before, own["bears"].to_numpy()
        named = pairs[pairs["unit"] == unit]["joint_q"].to_numpy() <= LEVEL
        found, others = ~bears & named, ~bears & ~named
        tests = {
            f"{name}_p": mannwhitneyu(values[found], values[others], alternative="greater").pvalue
            for name, values in (("moved", distance), ("away", away))
        }
        rows += [
            {
                "unit_name": names[unit], "bears": bears[part][0], "named": named[part][0],
                "samples": part.sum(), "moved": distance[part].mean(), "away": away[part].mean(),
                "farther": (away[part] > 0).sum(), **tests,
            }
            for part in (bears & named, bears & ~named, found, others)
            if part.any()
        ]  # fmt: skip
    return pd.DataFrame(rows)


def main() -> None:
    """Compare the run with retraining."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--truth", type=Path)
    given.add_argument("--planted", action="store_true")
    parser.add_argument("--column", default="same")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    if options.planted:
        table = planted(options.run)
    else:
        pairs = read_table(options.run / "contrast/contrast.parquet")
        truth = pd.read_csv(options.truth)[["sample", "unit_name", options.column]].dropna()
        table = agreement(pairs, truth.rename(columns={options.column: "same"}))
    print(table.to_string(index=False, float_format="{:.3f}".format))
    write_table(options.output, table)


if __name__ == "__main__":
    main()
