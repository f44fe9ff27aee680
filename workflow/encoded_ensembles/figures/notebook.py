"""Pictures of one sample for notebooks: arrays in, matplotlib axes out."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from encoded_ensembles.figures.style import BLUE, GREY, RED, shorten, show, show_change

SIDE = 1.7  # side of a picture, inches


def draw_picture(image: np.ndarray, title: str, ax: Axes | None = None) -> Axes:
    """Draw one (C, H, W) image in [-1, 1]."""
    if ax is None:
        ax = _row(1)[0]
    show(ax, image)
    ax.set_title(title, fontsize=8)
    return ax


def draw_attribution(
    sample: int, picture: np.ndarray, table: pd.DataFrame, images: Sequence[np.ndarray], answer: str
) -> np.ndarray:
    """Draw a sample and the first image of units, with attributed units framed and labelled.

    Args:
        sample: number of the sample.
        picture: s (C, H, W).
        table: table of the units: unit_name, value, p, q, attributed.
        images: one (C, H, W) for each.
        answer: what the sample is attributed to, in a few words.
    """
    axes = _row(len(table) + 1)
    draw_picture(picture, f"sample {sample}\n{answer}", axes[0])
    for ax, image, row in zip(axes[1:], images, table.itertuples(), strict=True):
        title = f"{shorten(str(row.unit_name))}\n{row.value:.2g}, p = {row.p:.2g}\nq = {row.q:.2g}"
        draw_picture(image, title, ax)
        if row.attributed:  # name the statistic: p and q may be of another one
            ax.set_xlabel("attributed by joint score", fontsize=7, color=RED)
            ax.spines[:].set(visible=True, color=RED, linewidth=2)
    return axes


def draw_counterfactual(
    sample: int, factual: np.ndarray, without: np.ndarray, unit: str
) -> np.ndarray:
    """Draw a sample (C, H, W), its counterfactual, and the change, mean over channels."""
    axes = _row(3)
    draw_picture(factual, f"sample {sample}", axes[0])
    draw_picture(without, f"without {shorten(unit)}", axes[1])
    change = without - factual
    bound = float(np.abs(change.mean(axis=0)).max()) or 1.0
    show_change(axes[2], change, bound)
    axes[2].set_title(f"change, up to {bound:.2g}", fontsize=8)
    return axes


def draw_landscape(
    sample: int,
    units: np.ndarray,
    words: np.ndarray,
    marked: float | None,
    statistic: str,
    ax: Axes | None = None,
) -> Axes:
    """Draw a statistic of all units against that of null code words.

    Args:
        sample: number of the sample.
        units: (U,), values of units.
        words: (R,), values of null code words.
        marked: value of a unit to mark.
        statistic: name of the statistic.
        ax: axes to draw on; a new figure if None.
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(4.5, 2.6), layout="constrained")
    bins = np.linspace(0, float(max(units.max(), words.max(initial=0))) * 1.02 or 1, 30)
    if len(words):
        label = f"{len(words)} null code words"
        ax.hist(words, bins.tolist(), density=True, color=GREY, alpha=0.5, label=label)
    label = f"{len(units)} units"
    ax.hist(units, bins.tolist(), density=True, histtype="step", color=BLUE, lw=1.4, label=label)
    if marked is not None:
        ax.axvline(marked, color=RED, lw=1.4, label="this unit")
    ax.set(xlabel=statistic, yticks=[], title=f"sample {sample}")
    ax.legend(fontsize=7, frameon=False)
    return ax


def _row(count: int) -> np.ndarray:
    """Return the axes of a new figure with `count` pictures side by side."""
    _, axes = plt.subplots(
        1, count, figsize=(SIDE * count, SIDE + 0.5), squeeze=False, layout="constrained"
    )
    return axes[0]
