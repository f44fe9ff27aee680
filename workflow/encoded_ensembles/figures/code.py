"""Figures of the code: the matrix, its properties, and the aliasing of its words."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from encoded_ensembles.figures.style import BLUE, GREEN, GREY, ORANGE, WIDTH, styled

CODE_ROWS = 128  # largest number of units drawn in the code matrix


@styled
def code_figure(code: np.ndarray, properties: Mapping[str, Any]) -> Figure:
    """Draw the code matrix, its column sums and its Hamming distances.

    Args:
        code: (U, n) bool.
        properties: result of `properties.properties`.
    """
    units, members = code.shape
    figure = Figure(figsize=(WIDTH, 5.2), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[1, 1.25], squeeze=False)[0]
    ax = left.subplots()
    ax.imshow(
        code[:CODE_ROWS],
        aspect="auto",
        cmap=ListedColormap(["white", BLUE]),
        interpolation="nearest",
    )
    ax.spines[:].set_visible(True)
    ax.set(xlabel="member", ylabel="unit", xticks=range(0, members, max(1, members // 10)))
    shown = f"first {CODE_ROWS} of {units} units" if units > CODE_ROWS else f"{units} units"
    ax.set_title(f"code matrix, {shown}\n(filled: the member trains on the unit)")
    top, bottom, last = right.subplots(3, 1)
    top.bar(range(members), properties["column_sums"], color=BLUE)
    top.axhline(np.mean(properties["column_sums"]), color=GREY, lw=1, ls="--")
    top.set(
        xlabel="member",
        ylabel="units in the split",
        xticks=range(0, members, max(1, members // 10)),
    )
    top.set_title(f"split sizes (dashed: mean {np.mean(properties['column_sums']):.1f})")
    bottom.bar(range(members + 1), properties["hamming_pairs"], color=ORANGE)
    bottom.set(xlabel="Hamming distance of two units' code words", ylabel="pairs of units")
    for ax in (top, bottom):
        ax.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        ax.yaxis.set_major_formatter("{x:,.0f}")
    bottom.set_xticks(range(0, members + 1, max(1, members // 12)))
    low, mean = properties["hamming_min"], properties["hamming_mean"]
    if low is not None:
        bottom.set_title(f"how different code words are: least {low}, mean {mean:.2f} members")
    left_over = pd.DataFrame(properties["members_left_of_sets"])
    last.bar(left_over["units"], left_over["probability"], color=GREEN)
    last.set(xlabel="units ablated at once", ylabel="share of sets", ylim=(0, 1))
    last.set_xticks(left_over["units"])
    last.set_title("share of random sets of units that leave a member")
    right.align_ylabels()
    return figure


@styled
def aliasing_figure(aliasing: pd.DataFrame) -> Figure:
    """Draw the similarity of two units' displacements against their words' Hamming distance.

    Args:
        aliasing: columns hamming, pairs, low, mean, high (of the cosine).
    """
    figure = Figure(figsize=(WIDTH * 0.6, 2.8), layout="constrained")
    ax = figure.subplots()
    ax.axhline(0, color=GREY, lw=1, ls="--")
    ax.vlines(aliasing["hamming"], aliasing["low"], aliasing["high"], color=BLUE, lw=1.2)
    ax.plot(aliasing["hamming"], aliasing["mean"], "o", ms=4, color=BLUE)
    tops = aliasing[["high", "mean"]].max(axis=1)
    for row, top in zip(aliasing.itertuples(), tops, strict=True):
        ax.annotate(
            f"{row.pairs}",
            (row.hamming, top),
            (0, 5),
            textcoords="offset points",
            ha="center",
        )
    ax.set(
        xlabel="Hamming distance of two units' code words",
        ylabel="cosine of their displacements",
        ylim=(None, 1.12),
    )
    ax.set_xticks(aliasing["hamming"])
    ax.set_title("mean and middle half (number of pairs)")
    return figure
