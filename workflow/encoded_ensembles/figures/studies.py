"""Figures of the studies."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from encoded_ensembles.figures.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    WIDTH,
    plain_ticks,
    styled,
)

COLOURS = (BLUE, ORANGE, GREEN, RED)
PUBLISHED = {"MNIST": BLUE, "FASHION": ORANGE, "CIFAR10": GREEN}
NAMES = {"MNIST": "MNIST", "FASHION": "Fashion-MNIST", "CIFAR10": "CIFAR-10"}


@styled
def sizes_figure(
    radius: pd.DataFrame,
    unchanged: pd.DataFrame,
    published_radius: pd.DataFrame,
    published_unchanged: pd.DataFrame,
) -> Figure:
    """Draw counterfactual radius and false attribution against training size, with published points.

    Of radii the mean of each run, and a line through means over runs.

    Args:
        radius: columns units, run, sample, radius_published, distance, null_distance.
        unchanged: columns units, metric, unchanged, low, high, unchanged_other.
        published_radius: columns ensemble, units, mean_radius.
        published_unchanged: columns ensemble, metric, unchanged_percent, unchanged_percent_random.
    """
    figure = Figure(figsize=(WIDTH, 4.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    columns = ["radius_published", "distance", "null_distance"]
    of_runs = radius.groupby(["units", "run"])[columns].mean()
    units, by_size = of_runs.index.get_level_values("units"), of_runs.groupby("units").mean()
    for column, colour, line, mark, label in (
        ("radius_published", "black", "-", "o", "radius, here"),
        ("distance", "black", ":", "s", "mean over units, here"),
        ("null_distance", GREY, ":", "x", "mean over null words, here"),
    ):
        left.plot(by_size.index, by_size[column], line, lw=1.1, color=colour, label=label)
        left.plot(units, of_runs[column], mark, ms=3.5, color=colour)
    for data, colour in PUBLISHED.items():
        rows = published_radius[published_radius["ensemble"].str.match(rf"{data}_\d+$")]
        rows = rows.sort_values("units")
        left.plot(rows["units"], rows["mean_radius"], "o-", ms=3, lw=0.8, color=colour,
                  label=f"radius, {NAMES[data]}, published")  # fmt: skip
    left.set(xscale="log", ylim=(0, None), xlabel="units trained on",
             ylabel="distance, published scale")  # fmt: skip
    plain_ticks(left.xaxis, steps=(1,))
    _legend_below(left)
    for metric, rows in unchanged.groupby("metric"):
        colour = {"pixels": "black", "stlpips": GREY}.get(str(metric), RED)
        right.errorbar(
            rows["units"], rows["unchanged"], [rows["unchanged"] - rows["low"], rows["high"] - rows["unchanged"]],
            fmt="o-", ms=3.5, lw=1.1, color=colour, label=f"{metric}, here",
        )  # fmt: skip
        right.plot(rows["units"], rows["unchanged_other"], "o:", ms=3, lw=0.9, color=colour)
    euclidean = published_unchanged[published_unchanged["metric"] == "euclidean"]
    for data, colour in PUBLISHED.items():
        rows = euclidean[euclidean["ensemble"].str.match(rf"{data}_\d+$")]
        rows = rows.assign(units=rows["ensemble"].str.rpartition("_")[2].astype(int))
        rows = rows.sort_values("units")
        right.plot(rows["units"], rows["unchanged_percent"] / 100, "o-", ms=3, lw=0.8,
                   color=colour, label=f"pixels, {NAMES[data]}, published")  # fmt: skip
        right.plot(rows["units"], rows["unchanged_percent_random"] / 100, ":", lw=0.9, color=colour)
    right.plot([], [], ":", color="black", lw=0.9, label="ablating another unit")
    right.set(xscale="log", ylim=(-0.02, 1), xlabel="units trained on",
              ylabel="attribution unchanged\nwithout the unit attributed")  # fmt: skip
    plain_ticks(right.xaxis, steps=(1,))
    _legend_below(right)
    return figure


@styled
def levels_figure(levels: pd.DataFrame, statistics: pd.DataFrame) -> Figure:
    """Draw the evidence for the nearest units by noise level and by statistic.

    Args:
        levels: columns level, units, contrast, error, z, found, false.
        statistics: columns statistic, units, z, found, all.
    """
    figure = Figure(figsize=(WIDTH, 2.9), layout="constrained")
    axes = figure.subplots(1, 3)
    for (size, rows), colour in zip(levels.groupby("units"), COLOURS, strict=False):
        label = _nearest(size)
        axes[0].errorbar(rows["level"], rows["contrast"], 1.96 * rows["error"], fmt="o-", ms=2,
                         lw=0.9, color=colour, label=label)  # fmt: skip
        axes[1].plot(rows["level"], rows["found"], "o-", ms=2, lw=0.9, color=colour)
        axes[1].plot(rows["level"], rows["false"], ":", lw=0.9, color=colour)
    axes[0].axhline(0, color="black", lw=0.5)
    axes[0].set(xlabel="noise level", ylabel="mean contrast of the units\nnearest to a sample")
    axes[0].legend(fontsize=6.5)
    _significant(axes[1], "noise level")
    for (size, rows), colour in zip(statistics.groupby("units"), COLOURS, strict=False):
        axes[2].plot(rows["z"], rows["statistic"], "o", ms=4, color=colour, label=f"{size}")
    axes[2].axvline(0, color="black", lw=0.5)
    axes[2].set(xlabel="mean z of the nearest units")
    axes[2].grid(axis="y", lw=0.3)
    return figure


@styled
def members_figure(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw the evidence for the nearest units against the number of members, one column per run.

    Args:
        tables: by name of the run, columns members, units, contrast, error, z, found, false.
    """
    figure = Figure(figsize=(WIDTH, 4.2), layout="constrained")
    axes = figure.subplots(2, len(tables), squeeze=False, sharey="row")
    for column, (name, table) in enumerate(tables.items()):
        for (size, rows), colour in zip(table.groupby("units"), COLOURS, strict=False):
            label = _nearest(size)
            axes[0, column].plot(rows["members"], rows["z"], "o-", ms=3, lw=1, color=colour,
                                 label=label)  # fmt: skip
            axes[1, column].plot(rows["members"], rows["found"], "o-", ms=3, lw=1, color=colour)
            axes[1, column].plot(rows["members"], rows["false"], ":", lw=0.9, color=colour)
        axes[0, column].set_title(name)
        axes[0, column].axhline(0, color="black", lw=0.5)
        _significant(axes[1, column], "members")
        axes[1, column].label_outer()
    axes[0, 0].set_ylabel("mean z of a unit's contrast")
    axes[0, 0].legend(fontsize=6.5)
    return figure


def _nearest(size: Any) -> str:
    """Return the label of the set of the `size` units nearest to a sample."""
    return "nearest" if size == 1 else f"nearest {size}"


def _legend_below(ax: Axes) -> None:
    """Draw the legend below an axis."""
    ax.legend(loc="upper center", bbox_to_anchor=(0.45, -0.16), ncols=2, fontsize=6)


def _significant(ax: Axes, xlabel: str) -> None:
    """Label an axis of shares of samples, and draw the share expected without influence."""
    ax.axhline(0.05, color="black", lw=0.5, ls="--")
    ax.set(
        ylim=(-0.02, 1.02),
        xlabel=xlabel,
        ylabel="share of samples with p ≤ 0.05\n(dotted: null code words)",
    )
