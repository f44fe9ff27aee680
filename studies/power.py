"""How many members it takes to name units, from effects measured on digits of 8x8 pixels.

python studies/power.py --output FOLDER RUN ...      folders of runs of several sizes, up to contrast/

Writes effects and power (.parquet with .csv) and power (.pdf with .png). The package's own effects.csv is a copy of the kept one.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import pandas as pd
from encoded_ensembles.figures.style import BLUE, GREEN, GREY, ORANGE, WIDTH, save
from encoded_ensembles.influence import power
from encoded_ensembles.storage.files import read_arrays, read_table, write_table
from matplotlib.figure import Figure
from sklearn.isotonic import IsotonicRegression

UNITS = (64, 128, 256, 512, 1024, 2048, 10_000, 60_000)
if os.environ.get("SMOKE"):
    UNITS = (64, 128)
SHARE = 0.8  # of samples with a named unit
MOST = 1024  # members tried
WAYS = {
    "contrast, plain": ("contrast", False),
    "contrast, weighted": ("contrast", True),
    "joint, plain": ("joint", False),
    "joint, weighted": ("joint", True),
}


def measure(run: Path) -> pd.DataFrame:
    """Return mean and spread of z / sqrt(members) by rank of likeness, falling with the rank."""
    table = read_table(run / "contrast/contrast.parquet")
    members = read_arrays(run / "code/code.npz")["code"].shape[1]
    table["rank"] = table.groupby("sample")["weight"].rank(ascending=False).astype(int)
    near = table[table["rank"] <= power.RANKS]
    rows = []
    for statistic in ("joint", "contrast"):
        z = near.pivot_table(index="sample", columns="rank", values=f"{statistic}_z").to_numpy()
        means = np.maximum(z.mean(axis=0), 0)
        ranks = np.arange(1, len(means) + 1)
        falling = IsotonicRegression(increasing=False).fit_transform(ranks, means)
        spread = np.sqrt(np.maximum(z.var(axis=0, ddof=1) - 1, 0))
        same = IsotonicRegression(increasing=False).fit_transform(ranks, spread)
        for rank, mean, varied in zip(ranks, falling, same, strict=True):
            numbers = (mean / np.sqrt(members), varied / np.sqrt(members))
            rows.append((table["unit"].nunique(), statistic, rank, *numbers))
    return pd.DataFrame(rows, columns=["units", "statistic", "rank", "mean", "spread"])


def needed(effects: pd.DataFrame, units: int, statistic: str, *, weighted: bool) -> int:
    """Return the least number of members, of a few tried, that names units for enough samples."""
    for members in (*range(6, 32, 2), *range(32, 64, 4), *range(64, MOST + 1, 32)):
        options = {"effects": effects, "statistic": statistic, "weighted": weighted}
        if power.expected_named(units, members, **options) >= SHARE:
            return members
    return MOST


def main() -> None:
    """Measure, simulate, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("runs", type=Path, nargs="+")
    given = parser.parse_args()
    effects = (
        pd.concat(map(measure, given.runs)).sort_values(["units", "statistic", "rank"]).round(4)
    )
    table = pd.DataFrame({"units": UNITS})
    for name, (statistic, weighted) in WAYS.items():
        table[name] = [needed(effects, units, statistic, weighted=weighted) for units in UNITS]
    print(table.to_string(index=False))
    write_table(given.output / "effects.parquet", effects)
    write_table(given.output / "power.parquet", table)
    save(draw(table, effects["units"].max()), given.output / "power.pdf")


def draw(table: pd.DataFrame, measured: int) -> Figure:
    """Draw the members needed against units; beyond `measured` units effects are not measured."""
    figure = Figure(figsize=(WIDTH * 0.7, 3), layout="constrained")
    ax = figure.subplots()
    for name, colour in zip(WAYS, (GREY, ORANGE, GREEN, BLUE), strict=True):
        ax.plot(table["units"], table[name], "o-", ms=4, color=colour, label=name)
    if measured < UNITS[-1]:
        ax.axvspan(measured, UNITS[-1], color=GREY, alpha=0.15, lw=0)
        ax.text(UNITS[-1], 9, "not measured: continued", ha="right", fontsize=7)
    ax.set(xscale="log", yscale="log", xlabel="units", ylabel="members needed")
    ax.set_title(f"a unit named for {SHARE:.0%} of samples, q <= 0.05")
    ticks = [8, 16, 32, 64, 128, 256, 512, 1024]
    ax.set_yticks(ticks, labels=map(str, ticks))
    ax.minorticks_off()
    ax.legend(fontsize=7)
    return figure


if __name__ == "__main__":
    main()
