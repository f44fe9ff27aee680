"""The figures: arrays and tables in, matplotlib figures out."""

from collections.abc import Callable, Sequence
from functools import wraps
from textwrap import wrap
from typing import Any, ParamSpec

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import LogLocator, NullFormatter

# Okabe & Ito's colours, told apart by colour-blind people
BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#7F7F7F"
DPI = 200
WIDTH = 7.0  # inches, the text width of a page
CELL = 0.8  # inches of a picture with a title
STYLE: dict[Any, Any] = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}
Arguments = ParamSpec("Arguments")


def styled(draw: Callable[Arguments, Figure]) -> Callable[Arguments, Figure]:
    """Let a function draw in `STYLE`, leaving matplotlib's own settings as they are."""

    @wraps(draw)
    def wrapper(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Figure:
        with mpl.rc_context(STYLE):
            return draw(*args, **kwargs)

    return wrapper


def show(ax: Axes, image: np.ndarray) -> None:
    """Draw one (C, H, W) image in [-1, 1], without axes."""
    pixels = np.clip((image.transpose(1, 2, 0) + 1) / 2, 0, 1)
    ax.imshow(
        pixels if len(image) == 3 else pixels[..., 0],
        cmap="gray",
        vmin=0,
        vmax=1,
        interpolation="nearest",
    )
    _bare(ax)


def plain_ticks(axis: Axis, *, steps: Sequence[float] = (1, 2, 5)) -> None:
    """Write the ticks of a logarithmic axis as plain numbers: 1, 10, 100 with steps (1,)."""
    axis.set_major_locator(LogLocator(subs=steps))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def show_change(ax: Axes, change: np.ndarray, bound: float) -> AxesImage:
    """Draw a difference of images (C, H, W), mean over channels: red lighter, blue darker."""
    drawn = ax.imshow(
        change.mean(axis=0), cmap="RdBu_r", vmin=-bound, vmax=bound, interpolation="nearest"
    )
    _bare(ax)
    return drawn


def _bare(ax: Axes) -> None:
    ax.axis("on")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)


@styled
def samples_figure(
    rows: Sequence[tuple[str, str, np.ndarray]], *, columns: int = 12, remark: str = ""
) -> Figure:
    """Draw rows of pictures side by side.

    Args:
        rows: label, second line of the label, (B, C, H, W) images in [-1, 1].
        columns: pictures a row, at most.
        remark: what to say below.
    """
    columns = min(columns, *(len(images) for _, _, images in rows))
    side = (WIDTH - 1.8) / columns
    figure = Figure(
        figsize=(WIDTH, (side + 0.04) * len(rows) + (0.3 if remark else 0.1)),
        layout=ConstrainedLayoutEngine(w_pad=0.01, h_pad=0.01, wspace=0.02, hspace=0.02),
    )
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for line, (label, second, images) in zip(axes, rows, strict=True):
        for ax, image in zip(line, images, strict=False):
            show(ax, image)
        line[0].set_ylabel(
            f"{label}\n{second}", rotation=0, ha="right", va="center", labelpad=6, fontsize=7
        )
    say_below(figure, remark)
    return figure


def say_below(figure: Figure, remark: str) -> None:
    """Write a remark below a figure, if there is any."""
    if remark:
        figure.supxlabel("\n".join(wrap(remark, 110)), fontsize=6.5)


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
        figsize=(CELL * (top + 3) + 0.5, (3 * CELL + 0.6) * len(panels) + 0.6),
        layout=ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0.02, hspace=0.02),
    )
    grid = figure.add_gridspec(3 * len(panels), top + 1, width_ratios=[3, *[1] * top])
    bound = max(float(np.abs(c - s).mean(axis=1).max()) for _, s, _, _, c in panels) or 1.0
    for place, (number, sample, table, images, counterfactuals) in enumerate(panels):
        first = 3 * place
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
                f"p = {row.distance_p:.2g}, q = {row.distance_q:.2g}",
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


def shorten(text: str, length: int = 18) -> str:
    """Return text on one line, cut in the middle to `length` characters, safe for mathtext."""
    text = "".join(sign if sign.isprintable() else " " for sign in text)
    half = length // 2 - 1
    cut = text if len(text) <= length else f"{text[:half]}…{text[-half:]}"
    return cut.replace("$", r"\$")


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
        if len(words):  # some families leave none
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
