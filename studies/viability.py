"""Are ensembles viable generators? Frechet distances of ensembles and single models, by the number of training images.

python studies/viability.py --output FOLDER RUN ...      folders of runs, finished up to frechet/scores

Runs with the same number of training images differ in their seeds, the ends of their names; runs of one seed have more than that in
common. Each run has a classifier of its own, so distances are compared within a run only. A model of the set `member` is a
single model of as many images as a member sees, `full` one of all images. Writes viability_runs (.parquet with .csv), a row per
run: the mean distance over the models or keep masks of each set; viability (.parquet with .csv), for pairs of sets, a row per
number of images and one, without number, for all: seeds; ratio, the geometric mean over seeds of the ratio of distances (for all
numbers of images, of its geometric mean over them), with low and high of its 95 % interval (Student's t on logarithms; empty
for one seed), and p_value, two-sided, of the ratio 1; and viability (.pdf with .png).
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from encoded_ensembles.figures.style import BLUE, GREEN, GREY, ORANGE, RED, WIDTH, save, styled
from encoded_ensembles.storage.files import read_facts, read_table, write_table
from matplotlib.figure import Figure
from scipy.stats import ttest_1samp

SETS = {
    "factual": ("ensemble", BLUE),
    "ablated": ("ensemble without a unit", GREEN),
    "member": ("single model, a member's images", ORANGE),
    "full": ("single model, all images", RED),
    "real": ("real images", GREY),
}
PAIRS = {
    ("factual", "member"): BLUE,
    ("factual", "full"): RED,
    ("ablated", "member"): GREEN,
    ("ablated", "factual"): GREY,
}


def distances(run: Path) -> dict[str, Any]:
    """Return a run's name, number of training images, and mean Frechet distance of each set.

    The members are all of the run's where studies/every_member.parquet has them, else those that frechet/scores has.
    """
    scores = read_table(run / "frechet/scores.parquet")
    every = run / "studies/every_member.parquet"
    if every.exists():
        others, members = scores["set"] != "member", read_table(every).query("set == 'member'")
        scores = pd.concat([scores[others], members])
    found = scores.groupby("set")["frechet"].mean().to_dict()
    images = read_facts(run / "data/dataset.json")["images"]["training"]
    return {"run": run.name, "images": images} | {name: found[name] for name in SETS}


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of pairs of sets.

    Args:
        runs: a row per run: its name, images, and the distance of each set.
    """
    seeds = runs["run"].str.rsplit("-", n=1).str[-1]
    rows = []
    for one, other in PAIRS:
        logs = np.log(runs[one] / runs[other])
        parts = [(images, logs[part.index]) for images, part in runs.groupby("images")]
        for images, values in [*parts, (pd.NA, logs.groupby(seeds).mean())]:
            found = (np.nan, np.nan, np.nan)
            if len(values) > 1:
                test = ttest_1samp(values, 0)
                found = (*np.exp(test.confidence_interval()), test.pvalue)
            rows.append((images, f"{one} / {other}", len(values), np.exp(values.mean()), *found))
    columns = ["images", "pair", "seeds", "ratio", "low", "high", "p_value"]
    return pd.DataFrame(rows, columns=columns).astype({"images": "Int64"})


@styled
def draw(runs: pd.DataFrame, table: pd.DataFrame) -> Figure:
    """Draw the distances of each run, and the ratios of interest, against the number of images."""
    figure = Figure(figsize=(WIDTH, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    for place, (name, (label, colour)) in enumerate(SETS.items()):
        left.plot(runs["images"] * 1.05**place, runs[name], "o", ms=3, color=colour, label=label)
    for place, ((one, other), colour) in enumerate(PAIRS.items()):
        rows = table[table["pair"] == f"{one} / {other}"].dropna(subset="images")
        ends = rows[["low", "high"]].sub(rows["ratio"], axis=0).abs().fillna(0).to_numpy().T
        label = f"{SETS[one][0]} / {SETS[other][0]}"
        images = rows["images"].astype(float) * 1.05**place
        right.errorbar(images, rows["ratio"], ends, fmt="o", ms=3, lw=1, color=colour, label=label)
    right.axhline(1, color="black", lw=0.6)
    for ax, label in ((left, "Frechet distance, each run"), (right, "ratio of Frechet distances")):
        ax.set(xscale="log", xlabel="training images", ylabel=label)
        ticks = sorted(runs["images"].unique())
        ax.set_xticks(ticks, labels=map(str, ticks))
        ax.minorticks_off()
        ax.legend(fontsize=6, loc="lower left", bbox_to_anchor=(0, 1))
    left.set_ylim(0, None)
    return figure


def main() -> None:
    """Gather the runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("runs", type=Path, nargs="+")
    given = parser.parse_args()
    runs = pd.DataFrame([distances(run) for run in given.runs])
    table = summary(runs)
    print(table.to_string(index=False, float_format="{:.3g}".format))
    write_table(given.output / "viability.parquet", table)
    write_table(given.output / "viability_runs.parquet", runs)
    save(draw(runs, table), given.output / "viability.pdf")


if __name__ == "__main__":
    main()
