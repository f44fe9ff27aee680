"""Figures of samples, of influential units, and of the landscape."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from encoded_ensembles.figures.style import (
    BLUE,
    CELL,
    GREY,
    RED,
    WIDTH,
    say_below,
    shorten,
    show,
    show_change,
    styled,
)


@styled
def samples_figure(
    rows: Sequence[tuple[str, str, np.ndarray]], *, columns: int = 12, remark: str = ""
) -> Figure:
    """Draw rows of pictures side by side.

    Args:
        rows: label, second line of the label, (B, C, H, W) images in [-1, 1].
        columns: largest number of pictures per row.
        remark: text below the figure.
    """
    columns = min(columns, *(len(images) for _, _, images in rows))
    step = (WIDTH - 1.8) / columns + 0.02
    figure = Figure(
        figsize=(WIDTH, step * len(rows) + (0.3 if remark else 0.1)),
        layout=ConstrainedLayoutEngine(w_pad=0.01, h_pad=0.01),
    )
    ax = figure.subplots()  # one for all, since axes take longer to lay out than pictures to draw
    side = 1 - 0.02 / step
    for line, (_, _, images) in enumerate(rows):
        for column, image in enumerate(images[:columns]):
            show(ax, image, extent=(column, column + side, line + side, line))
    labels = [f"{label}\n{second}" for label, second, _ in rows]
    ax.set_yticks(np.arange(len(rows)) + side / 2, labels, fontsize=7)
    ax.tick_params(length=0)
    ax.set_anchor("W")  # the layout takes the place of labels from there
    ax.set(xlim=(0, columns), ylim=(len(rows), 0))
    say_below(figure, remark)
    return figure


@styled
def influence_figure(
    panels: Sequence[tuple[int, np.ndarray, pd.DataFrame, np.ndarray, np.ndarray]],
) -> Figure:
    """Draw samples with their most influential units, counterfactuals and differences.

    Args:
        panels: number of the sample, its picture (C, H, W), table of its top k units (unit_name,
            distance, distance_p, distance_q), one training image of each (k, C, H, W), and the
            counterfactuals (k, C, H, W).
    """
    top = max(len(table) for _, _, table, _, _ in panels)
    figure = Figure(
        figsize=(CELL * (top + 3) + 0.5, (3 * CELL + 0.7) * len(panels) + 0.6),
        layout=ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0.02, hspace=0.02),
    )
    grid = figure.add_gridspec(3 * len(panels), top + 1, width_ratios=[3, *[1] * top])
    bound = max(float(np.abs(c - s).mean(axis=1).max()) for _, s, _, _, c in panels) or 1.0
    for number_of_panel, (number, sample, table, images, counterfactuals) in enumerate(panels):
        first = 3 * number_of_panel
        ax = figure.add_subplot(grid[first : first + 3, 0])
        show(ax, sample)
        ax.set_title(f"sample {number} (factual)", fontsize=7)
        for column, row in enumerate(table.itertuples(), start=1):
            picture, without, change = (
                figure.add_subplot(grid[first + line, column]) for line in range(3)
            )
            show(picture, images[column - 1])
            show(without, counterfactuals[column - 1])
            drawn = show_change(change, counterfactuals[column - 1] - sample, bound)
            picture.set_title(
                f"{shorten(str(row.unit_name), 16)}\nd = {row.distance:.2f}\n"
                f"p = {row.distance_p:.2g}\nq = {row.distance_q:.2g}",
                fontsize=6,
            )
            if column == 1:
                for ax, label in ((picture, "unit"), (without, "without it"), (change, "change")):
                    ax.set_ylabel(label, fontsize=7)
    figure.colorbar(
        drawn,
        ax=figure.axes,
        location="bottom",
        shrink=0.4,
        aspect=40,
        pad=0.01,
        label="change: counterfactual - factual",
    )
    return figure


@styled
def landscape_figure(influence: pd.DataFrame, null: pd.DataFrame, samples: Sequence[int]) -> Figure:
    """Draw the landscape of samples against its null, and all p-values.

    Args:
        influence: columns sample, distance, distance_p.
        null: columns sample, distance.
        samples: numbers of the samples drawn.
    """
    columns = min(4, len(samples))
    lines = -(-len(samples) // columns)
    figure = Figure(figsize=(WIDTH, 1.9 * lines + 1.9), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=[lines, 1], squeeze=False)[:, 0]
    axes = upper.subplots(lines, columns, squeeze=False)
    for ax in axes.ravel()[len(samples) :]:
        ax.axis("off")
    for ax, number in zip(axes.ravel(), samples, strict=False):
        units = influence.loc[influence["sample"] == number, "distance"].to_numpy()
        words = null.loc[null["sample"] == number, "distance"].to_numpy()
        bins = np.linspace(0, np.concatenate([units, words]).max() * 1.02 or 1, 24)
        if len(words):  # some families leave no null code words
            label = f"{len(words)} null code words"
            ax.hist(words, bins, density=True, color=GREY, alpha=0.5, label=label)
        ax.hist(
            units,
            bins,
            density=True,
            histtype="step",
            color=BLUE,
            lw=1.4,
            label=f"{len(units)} units",
        )
        ax.plot(
            units,
            np.full(len(units), -0.03),
            "|",
            color=BLUE,
            ms=4,
            alpha=0.4,
            transform=ax.get_xaxis_transform(),
            clip_on=False,
        )
        ax.axvline(units.max(), color=RED, lw=1, ls=":", label="counterfactual radius")
        ax.set(yticks=[], xlim=(0, None))
        ax.set_title(f"sample {number}: radius {units.max():.2f}")
    for ax in axes[-1]:
        ax.set_xlabel("distance d")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    upper.legend(handles, labels, loc="outside upper center", ncols=3)
    ax = lower.subplots()
    p = influence["distance_p"].to_numpy()
    ax.hist(p, np.linspace(0, 1, 21), color=BLUE, label=f"{len(p)} (sample, unit) pairs")
    ax.axhline(len(p) / 20, color=GREY, ls="--", lw=1, label="if no unit differs from the null")
    ax.set(xlabel="p-value against null code words", ylabel="pairs", xlim=(0, 1))
    ax.set_title(
        f"p <= 0.05 for {np.mean(p <= 0.05):.1%} of pairs"
        if len(null)
        else "no null code words: nothing can be attributed"
    )
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure
