"""Figures of evidence: which units a sample is attributed to, and all p-values."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from encoded_ensembles.figures.style import BLUE, GREY, RED, WIDTH, shorten, show, styled


@styled
def attribution_figure(
    panels: Sequence[tuple[int, np.ndarray, pd.DataFrame, np.ndarray, str]], *, level: float
) -> Figure:
    """Draw samples with the units of largest joint score, and the evidence for them.

    Args:
        panels: number of the sample, its picture (C, H, W), table of its top k units (unit_name,
            joint_z, joint_p, joint_q, attributed), one training image of each (k, C, H, W), and
            the answer (`answer_text`).
        level: largest q at which a unit is attributed.
    """
    top = max(len(table) for _, _, table, _, _ in panels)
    figure = Figure(
        figsize=(max(4, WIDTH / 6 * (top + 1)), 1.55 * len(panels) + 0.5), layout="constrained"
    )
    grid = figure.subplots(len(panels), top + 1, squeeze=False)
    for ax in grid.ravel():
        ax.axis("off")
    for axes, (number, sample, table, images, answer) in zip(grid, panels, strict=True):
        show(axes[0], sample)
        narrow = answer.replace("or more of ", "or more of\n")
        axes[0].set_title(f"sample {number}\n{narrow}", fontsize=7)
        for ax, image, row in zip(axes[1:], images, table.itertuples(), strict=False):
            show(ax, image)
            ax.set_title(
                f"{shorten(str(row.unit_name))}\nz = {row.joint_z:.1f}, p = {row.joint_p:.2g}\n"
                f"q = {row.joint_q:.2g}",
                fontsize=6.5,
            )
            if row.attributed:
                ax.spines[:].set(visible=True, color=RED, linewidth=2)
    framed = Patch(facecolor="none", edgecolor=RED, linewidth=2)
    text = f"framed: attributed, the false discovery rate q (weighted by likeness) is at most {level:g}"
    figure.legend([framed], [text], loc="outside lower center")
    return figure


def answer_text(answer: Mapping[Hashable, Any]) -> str:
    """Return the answer for a sample, a row of the table of answers, in a few words."""
    if answer["answer"] == "units":
        return f"units attributed: {answer['units']}"
    if answer["answer"] == "group":
        return f"one or more of the {answer['units']} most alike"
    return "unattributable"


@styled
def evidence_figure(
    contrast: pd.DataFrame, sets: pd.DataFrame, checks: pd.DataFrame, queries: pd.DataFrame
) -> Figure:
    """Draw all p-values, the tests of the most alike units together, and effects on given pictures.

    Args:
        contrast: columns sample, joint_p, attributed.
        sets: columns units, p_value, p_null.
        checks: what decoys show, columns statistic, share.
        queries: one row per given picture: kind, own, and effect, the largest of its units.
    """
    figure = Figure(figsize=(WIDTH * 1.4, 2.7), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    _draw_p_values(left, contrast, checks)
    _draw_sets(middle, sets)
    _draw_queries(right, queries)
    return figure


def _draw_p_values(ax: Axes, contrast: pd.DataFrame, checks: pd.DataFrame) -> None:
    """Draw the p-values of all units on all samples."""
    p = contrast["joint_p"].to_numpy()
    ax.hist(p, np.linspace(0, 1, 21).tolist(), color=BLUE)
    ax.axhline(len(p) / 20, color=GREY, ls="--", lw=1)
    ax.set(xlabel="p-value of a unit's joint score", ylabel="(sample, unit) pairs", xlim=(0, 1))
    attributed = contrast.groupby("sample")["attributed"].any()
    share = checks.set_index("statistic")["share"]
    decoys = f", {share['joint']:.1%} of decoys" if "joint" in share else ""
    ax.set_title(
        f"p <= 0.05 for {np.mean(p <= 0.05):.1%} of pairs{decoys} (dashed: chance)\n"
        f"a unit is attributed for {attributed.sum()} of {len(attributed)} samples"
    )


def _draw_sets(ax: Axes, sets: pd.DataFrame) -> None:
    """Draw how often the units most alike to a sample together have p <= 0.05."""
    for column, colour, label in (
        ("p_value", BLUE, "their own code words"),
        ("p_null", GREY, "null code words instead"),
    ):
        share = sets[column].le(0.05).groupby(sets["units"]).mean()
        ax.plot(share.index, share, "o-", ms=4, color=colour, label=label)
    ax.axhline(0.05, color=GREY, ls=":", lw=1)
    ax.set(xlabel="units most alike to the sample, together", ylim=(-0.03, 1.03))
    ax.set_ylabel("share of samples with p <= 0.05")
    if len(sets):
        ax.set(xscale="log", xticks=sorted(sets["units"].unique()))
        ax.set_xticks([], minor=True)
        ax.set_xticklabels([str(size) for size in sorted(sets["units"].unique())])
        ax.legend(loc="center right")


def _draw_queries(ax: Axes, queries: pd.DataFrame) -> None:
    """Draw the largest effect on each given picture, by kind."""
    kinds = queries["kind"].unique()
    for place, kind in enumerate(kinds):
        effect = queries.loc[queries["kind"] == kind, "effect"]
        jitter = np.linspace(-0.25, 0.25, len(effect))
        ax.plot(place + jitter, effect, "o", ms=3, color=RED if kind == "given" else BLUE)
    heldout = queries.loc[queries["kind"] == "heldout", "effect"]
    if len(heldout):
        ax.axhline(heldout.max(), color=GREY, ls="--", lw=1)
    names = {
        "training": "training\nimages",
        "heldout": "held-out\nimages",
        "given": "given\npictures",
    }
    ax.set_xticks(range(len(kinds)), [names[kind] for kind in kinds])
    ax.set_ylabel("largest effect of a unit")
    trained = queries[queries["kind"] == "training"]
    ax.set_title(
        f"{int(trained['own'].sum())} of {len(trained)} training images name themselves\n"
        "(dashed: largest effect on held-out images)"
    )
