"""Are ensembles viable generators? Frechet distances of ensembles and single models, by the number of training images.

python studies/viability.py --output FOLDER RUN ...      folders of runs, finished up to frechet/scores

Runs with the same number of training images differ in their seeds, so that each is one independent repetition. A model
of the set `member` is a single model of as many images as a member sees, `full` one of all images. Writes viability
(.parquet with .csv), a row per number of images and set or difference of two sets: runs; frechet, the mean over
runs of the mean over the set's models or keep masks, with low and high of its 95 % interval (Student's t; empty for one
run); viability_runs (.parquet with .csv), a row per run, whose seed is the end of its name; and viability (.pdf with .png).
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from encoded_ensembles.figures.style import BLUE, GREEN, GREY, ORANGE, RED, WIDTH, save, styled
from encoded_ensembles.storage.files import read_facts, read_table, write_table
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import ttest_1samp

SETS = {
    "factual": ("ensemble", BLUE),
    "ablated": ("ensemble without a unit", GREEN),
    "member": ("single model, a member's images", ORANGE),
    "full": ("single model, all images", RED),
    "real": ("real images", GREY),
}
DIFFERENCES = (("factual", "member"), ("factual", "full"), ("ablated", "member"))


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


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of sets and differences.

    Args:
        table: a row per run: images, and the distance of each set.
    """
    for one, other in DIFFERENCES:
        table = table.assign(**{f"{one} - {other}": table[one] - table[other]})
    rows = []
    for images, part in table.groupby("images"):
        for name in table.columns.drop("images"):
            values = part[name].to_numpy()
            ends = (np.nan, np.nan)
            if len(values) > 1:
                ends = ttest_1samp(values, 0).confidence_interval()
            rows.append((images, name, len(values), values.mean(), *ends))
    return pd.DataFrame(rows, columns=["images", "set", "runs", "frechet", "low", "high"])


@styled
def draw(table: pd.DataFrame) -> Figure:
    """Draw the distance of each set against the number of images, and the differences of interest."""
    figure = Figure(figsize=(WIDTH, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    for place, (name, (label, colour)) in enumerate(SETS.items()):
        _line(left, table[table["set"] == name], place, label=label, color=colour)
    for place, ((one, other), colour) in enumerate(
        zip(DIFFERENCES, (BLUE, RED, GREEN), strict=True)
    ):
        rows = table[table["set"] == f"{one} - {other}"]
        label = f"{SETS[one][0]} minus {SETS[other][0]}"
        _line(right, rows, place, label=label, color=colour)
    right.axhline(0, color="black", lw=0.6)
    for ax, label in ((left, "Frechet distance"), (right, "difference of Frechet distances")):
        ax.set(xscale="log", xlabel="training images", ylabel=label)
        ticks = sorted(table["images"].unique())
        ax.set_xticks(ticks, labels=map(str, ticks))
        ax.minorticks_off()
        ax.legend(fontsize=6, loc="lower left", bbox_to_anchor=(0, 1))
    left.set_ylim(0, None)
    return figure


def _line(ax: Axes, rows: pd.DataFrame, place: int, **style: Any) -> None:
    """Draw means with intervals, where there are any, beside those of other places."""
    half = (rows["high"] - rows["frechet"]).fillna(0)
    ax.errorbar(rows["images"] * 1.05**place, rows["frechet"], half, fmt="o-", ms=3, lw=1, **style)


def main() -> None:
    """Gather the runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("runs", type=Path, nargs="+")
    given = parser.parse_args()
    runs = pd.DataFrame([distances(run) for run in given.runs])
    table = summary(runs.drop(columns="run"))
    print(table.to_string(index=False, float_format="{:.2f}".format))
    write_table(given.output / "viability.parquet", table)
    write_table(given.output / "viability_runs.parquet", runs)
    save(draw(table), given.output / "viability.pdf")


if __name__ == "__main__":
    main()
