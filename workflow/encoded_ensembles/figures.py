"""The figures: arrays and tables in, matplotlib figures out."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, ParamSpec

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

# Okabe & Ito's colours, told apart by colour-blind people
BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#7F7F7F"
DPI = 200
WIDTH = 7.0  # inches, the text width of a page
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


def _bare(ax: Axes) -> None:
    ax.axis("on")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)


@styled
def samples_figure(rows: Sequence[tuple[str, str, np.ndarray]], *, columns: int = 12) -> Figure:
    """Draw rows of pictures side by side.

    Args:
        rows: label, second line of the label, (B, C, H, W) images in [-1, 1].
        columns: pictures a row, at most.
    """
    columns = min(columns, *(len(images) for _, _, images in rows))
    side = (WIDTH - 1.8) / columns
    figure = Figure(
        figsize=(WIDTH, (side + 0.04) * len(rows) + 0.1),
        layout=ConstrainedLayoutEngine(w_pad=0.01, h_pad=0.01, wspace=0.02, hspace=0.02),
    )
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for line, (label, second, images) in zip(axes, rows, strict=True):
        for ax, image in zip(line, images, strict=False):
            show(ax, image)
        line[0].set_ylabel(
            f"{label}\n{second}", rotation=0, ha="right", va="center", labelpad=6, fontsize=7
        )
    return figure


@styled
def influence_figure(
    panels: Sequence[tuple[int, np.ndarray, pd.DataFrame, np.ndarray, np.ndarray]],
) -> Figure:
    """Draw samples with their most influential units, counterfactuals and differences.

    Args:
        panels: number of the sample, its picture (C, H, W), table of its top k units (unit_name,
            distance, distance_p), one training image of each (k, C, H, W), and the counterfactuals
            (k, C, H, W).
    """
    top = max(len(table) for _, _, table, _, _ in panels)
    figure = Figure(figsize=(WIDTH, 2.35 * len(panels) + 0.6), layout="constrained")
    grid = figure.subplots(3 * len(panels), top + 1, squeeze=False)
    for ax in grid.ravel():
        ax.axis("off")
    bound = max(float(np.abs(c - s).mean(axis=1).max()) for _, s, _, _, c in panels) or 1.0
    for place, (number, sample, table, images, counterfactuals) in enumerate(panels):
        axes = grid[3 * place : 3 * place + 3]
        show(axes[1, 0], sample)
        axes[1, 0].set_title(f"sample {number}\n(factual)", fontsize=7)
        for column, row in enumerate(table.itertuples()):
            picture, without, change = axes[:, column + 1]
            show(picture, images[column])
            show(without, counterfactuals[column])
            drawn = change.imshow(
                (counterfactuals[column] - sample).mean(axis=0),
                cmap="RdBu_r",
                vmin=-bound,
                vmax=bound,
                interpolation="nearest",
            )
            _bare(change)
            picture.set_title(
                f"{shorten(str(row.unit_name))}\nd = {row.distance:.2f}, p = {row.distance_p:.2g}",
                fontsize=6.5,
            )
        for ax, label in zip(axes[:, 1], ("unit", "without it", "change"), strict=True):
            ax.set_ylabel(label, fontsize=7)
    figure.colorbar(
        drawn,
        ax=grid,
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


@styled
def kept_figure(scores: pd.DataFrame, *, frechet_label: str) -> Figure:
    """Draw Frechet distance and KID against the number of members kept.

    Args:
        scores: columns set, kept, frechet, kid.
        frechet_label: what the Frechet distance is called on these features.
    """
    figure = Figure(figsize=(WIDTH, 2.9), layout="constrained")
    axes = figure.subplots(1, 2)
    masks = scores[scores["kept"] > 0]
    for ax, column, label in zip(
        axes, ("frechet", "kid"), (frechet_label, "KID, same features"), strict=True
    ):
        mean = masks.groupby("kept")[column].mean()
        ax.plot(mean.index, mean, color=BLUE, lw=1.2, zorder=1)
        ax.scatter(
            masks["kept"],
            masks[column],
            s=14,
            color=BLUE,
            alpha=0.6,
            label="a keep mask (line: mean)",
            zorder=2,
        )
        ablated = masks[masks["set"] == "ablated"]
        ax.scatter(
            ablated["kept"],
            ablated[column],
            s=18,
            color=ORANGE,
            label="size of an ablated ensemble",
            zorder=3,
        )
        for name, colour, style, text in (
            ("full", RED, "--", "full model, trained on all units"),
            ("real", GREEN, ":", "real images"),
        ):
            for value in scores.loc[scores["set"] == name, column]:
                ax.axhline(value, color=colour, ls=style, lw=1.2, label=text)
        ax.set(xlabel="members kept", ylabel=label)
        ax.set_xticks(sorted(masks["kept"].unique()))
        ax.set_ylim(min(0, ax.get_ylim()[0]), None)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2)
    return figure


@styled
def loss_figure(losses: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw the loss curves of all members, each as the mean over fortieths of the training.

    Args:
        losses: member to table with columns step and loss.
    """
    figure = Figure(figsize=(WIDTH * 0.6, 2.8), layout="constrained")
    ax = figure.subplots()
    labelled = False
    for member, table in losses.items():
        window = max(1, len(table) // 40)
        smooth = table.groupby((table["step"] - 1) // window).mean()
        full = member == "full"
        label = "full model" if full else None if labelled else f"members ({len(losses) - 1})"
        labelled |= not full
        ax.plot(
            smooth["step"],
            smooth["loss"],
            color=RED if full else BLUE,
            lw=1.4 if full else 0.8,
            alpha=1 if full else 0.6,
            label=label,
        )
    ax.set(xlabel="optimiser step", ylabel="loss (mean squared error of the noise)", yscale="log")
    ax.legend()
    return figure
