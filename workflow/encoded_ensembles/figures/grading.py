"""Figures of grading: attribution methods by every kind of truth."""

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from encoded_ensembles.figures.style import BLUE, GREY, RED, WIDTH, plain_ticks, styled

SHOWN = 8  # largest number of methods with a curve
LABELS = {
    "gain": "exposure gain",
    "within_samples": "retraining:\nunits of a sample",
    "within_near": "retraining:\nnear units",
    "within_random": "retraining:\nrandom units",
    "within_units": "retraining:\nsamples of a unit",
    "auc": "retraining:\nAUC of the top tenth",
    "near_first": "retraining: first\nunit, own samples",
    "lds_loss": "LDS, loss",
    "lds_features": "LDS, features",
    "planted_top": "planted unit first",
    "planted_recall": "planted recall",
    "planted_false": "planted unit first\nwhere it is not",
}
MEASURES = {
    "gain": "area under the gain curve",
    "auc": "area under the ROC curve",
    "near_first": "share of units that\nmove the sample less",
    "planted_top": "share of samples",
    "planted_recall": "share of the plant's units",
    "planted_false": "share of samples",
}  # all others: Spearman's correlation
CHANCE = {"auc": 0.5, "near_first": 0.5}  # of Spearman's correlations 0


@styled
def gains_figure(gains: pd.DataFrame, areas: pd.DataFrame, calibration: pd.DataFrame) -> Figure:
    """Draw exposure gain curves, and predicted against measured contrast.

    Args:
        gains: columns method, k, gain, low, high.
        areas: columns method, area.
        calibration: columns kind, predicted, found, error.
    """
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[3, 2])
    methods = _families(areas)
    always = [name for name in ("best possible", "random") if name in set(gains["method"])]
    shown = [name for name in methods if name not in always][: SHOWN - len(always)]
    colours = iter(colormaps["tab10"].colors)  # type: ignore[attr-defined]
    for name in [*shown, *always]:
        rows = gains[gains["method"] == name]
        plain = name in always
        colour = GREY if plain else next(colours)
        style = {"random": ":", "best possible": "--"}.get(name, "-")
        left.plot(rows["k"], rows["gain"], color=colour, ls=style, lw=1.3, label=name)
        if not plain or name == "random":
            left.fill_between(rows["k"], rows["low"], rows["high"], color=colour, alpha=0.12, lw=0)
    left.axhline(0, color="black", lw=0.5)
    # Set limits explicitly: with two members no contrast is known, and there is no curve.
    left.set(
        xscale="log",
        xlim=(0.9, 1.1 * gains["k"].max()),
        xlabel="k, units that a method names first",
    )
    plain_ticks(left.xaxis, steps=(1,))
    left.set_ylabel("mean contrast of these units")
    left.legend(fontsize=6.5)
    _calibration(right, calibration)
    return figure


@styled
def scoreboard_figure(board: pd.DataFrame) -> Figure:
    """Draw every method's grades with their intervals, one panel for each kind of truth.

    Args:
        board: columns method, grade, value, low, high.
    """
    grades = [grade for grade in LABELS if grade in set(board["grade"])]
    gain = board[board["grade"] == "gain"].sort_values("value")["method"]
    other = sorted(set(board["method"]) - set(gain) - {"best possible"})
    methods = [*reversed(other), *(name for name in gain if name != "best possible")]
    columns = min(4, len(grades))
    lines = -(-len(grades) // columns)
    figure = Figure(
        figsize=(WIDTH + 1.5, lines * (0.13 * len(methods) + 0.8)), layout="constrained"
    )
    axes = figure.subplots(lines, columns, sharey=True, squeeze=False)
    for ax in axes.ravel()[len(grades) :]:
        ax.axis("off")
    for ax, grade in zip(axes.ravel(), grades, strict=False):
        rows = board[board["grade"] == grade].set_index("method").reindex(methods)
        _dots(ax, rows)
        chance = _chance(grade, rows["value"])
        if chance is not None:
            ax.axvline(chance, color="black", lw=0.5)
        ax.set_title(LABELS[grade], fontsize=7.5)
        ax.set_xlabel(MEASURES.get(grade, "Spearman's correlation"), fontsize=6.5)
    for ax in axes[:, 0]:
        ax.set_yticks(range(len(methods)), methods, fontsize=6.5)
    return figure


@styled
def truth_figure(truth: pd.DataFrame, influence: pd.DataFrame) -> Figure:
    """Draw how far samples move without a unit: by ablation, retraining, and a fresh seed.

    Args:
        truth: columns sample, unit, chosen, same, fresh, seed.
        influence: columns sample, unit, distance.
    """
    distances = truth.merge(influence[["sample", "unit", "distance"]], on=["sample", "unit"])
    fresh = distances["fresh"].notna().any()
    figure = Figure(figsize=(WIDTH, 2.9), layout="constrained")
    axes = figure.subplots(1, 3 if fresh else 2, squeeze=False)[0]
    for chosen, colour in (("random", GREY), ("near", BLUE), ("named", RED)):
        rows = distances[distances["chosen"] == chosen]
        if rows.empty:
            continue
        axes[0].plot(
            rows["same"],
            rows["distance"],
            ".",
            ms=2,
            color=colour,
            label=f"{chosen} units",
            alpha=0.5,
        )
    axes[0].set(xlabel="moved by retraining without the unit", ylabel="moved by ablating the unit")
    _identity(axes[0])
    axes[0].legend(fontsize=6.5)
    bins = np.linspace(
        0, np.nanmax(distances[["same", "fresh", "seed", "distance"]].to_numpy()), 40
    )
    for column, colour, label in (
        ("same", BLUE, "retrained, same numbers"),
        ("distance", RED, "ablated"),
        ("fresh", "black", "retrained, fresh seed"),
        ("seed", GREY, "fresh seed alone"),
    ):
        values = distances[column].dropna()
        if len(values):
            axes[1].hist(
                values, bins, histtype="step", density=True, color=colour,
                label=f"{label}: {values.mean():.2f}",
            )  # fmt: skip
    axes[1].set(xlabel="distance from the sample", ylabel="density")
    axes[1].legend(fontsize=6)
    if fresh:
        axes[2].plot(distances["seed"], distances["fresh"], ".", ms=2, color=BLUE)
        axes[2].set(xlabel="moved by the fresh seed alone", ylabel="and without the unit")
        _identity(axes[2])
    return figure


def _calibration(ax: Axes, calibration: pd.DataFrame) -> None:
    """Draw measured against predicted contrasts, linear near 0, where most pairs are."""
    near = float(calibration["predicted"].abs().median()) or 1.0
    linear = float(10 ** np.ceil(np.log10(near)))
    ax.set_xscale("symlog", linthresh=linear)
    ax.set_yscale("symlog", linthresh=linear)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(NullFormatter())
    for kind, colour in (("posterior", RED), ("isotonic", BLUE), ("boosted", GREY)):
        rows = calibration[calibration["kind"] == kind]
        ax.errorbar(
            rows["predicted"], rows["found"], 1.96 * rows["error"], fmt="o", ms=2.5, lw=0.8,
            color=colour, label={"posterior": "with own contrast"}.get(kind, f"{kind} prior"),
        )  # fmt: skip
    limits = [min(ax.get_xlim()[0], ax.get_ylim()[0]), max(ax.get_xlim()[1], ax.get_ylim()[1])]
    ax.plot(limits, limits, color="black", lw=0.5, ls="--")
    ax.set(
        xlabel=f"contrast expected (logarithmic beyond {linear:g})",
        ylabel="contrast found with other members",
    )
    ax.legend(fontsize=6.5)


def _families(areas: pd.DataFrame) -> list[str]:
    """Return one version of each kind of method, named beforehand, by area, largest first.

    The kind itself where it is a method (calibrated), else its mean over members (trak.mean), else the first by name.
    """
    ordered = areas.sort_values("area", ascending=False)["method"]
    kinds = ordered.str.partition(".")[0]
    chosen = {
        min(versions, key=lambda name: (name != kind, name != f"{kind}.mean", name))
        for kind, versions in ordered.groupby(kinds)
    }
    return [name for name in ordered if name in chosen]


def _chance(grade: str, values: pd.Series) -> float | None:
    """Return what chance gives of a grade; None where it is not known.

    Units differ in what members do on average, so random units have a gain other than 0.

    Args:
        grade: its name.
        values: of methods, by their names.
    """
    if grade.startswith("planted"):
        return None
    if grade == "gain":
        return float(values["random"]) if "random" in values else None
    return CHANCE.get(grade, 0)


def _dots(ax: Axes, rows: pd.DataFrame) -> None:
    """Draw values with intervals, one line for each row."""
    positions = np.arange(len(rows))
    bars = rows[["low", "high"]].notna().all(axis=1).to_numpy()
    known = rows["value"].notna().to_numpy()
    ax.hlines(positions[bars], rows["low"][bars], rows["high"][bars], color=BLUE, lw=1)
    ax.plot(rows["value"][known], positions[known], "o", ms=3, color=BLUE)
    ax.tick_params(axis="x", labelsize=6.5)
    ax.grid(axis="y", lw=0.3)


def _identity(ax: Axes) -> None:
    """Draw the line on which both axes agree."""
    top = max(ax.get_xlim()[1], ax.get_ylim()[1])
    ax.plot([0, top], [0, top], color="black", lw=0.5, ls="--")
