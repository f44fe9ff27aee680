"""Figures of evidence: which units a sample is attributed to, and all p-values."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from encoded_ensembles.figures.style import BLUE, GREY, RED, WIDTH, shorten, show, styled


@styled
def attribution_figure(
    panels: Sequence[tuple[int, np.ndarray, pd.DataFrame, np.ndarray]], *, level: float
) -> Figure:
    """Draw samples with the units of largest contrast, and the evidence for them.

    Args:
        panels: number of the sample, its picture (C, H, W), table of its top k units (unit_name, z,
            p_value, q_value, attributed, and units: number of all attributed ones), and one training
            image of each (k, C, H, W).
        level: largest q at which a unit is attributed.
    """
    top = max(len(table) for _, _, table, _ in panels)
    figure = Figure(
        figsize=(max(4, WIDTH / 6 * (top + 1)), 1.55 * len(panels) + 0.5), layout="constrained"
    )
    grid = figure.subplots(len(panels), top + 1, squeeze=False)
    for ax in grid.ravel():
        ax.axis("off")
    for axes, (number, sample, table, images) in zip(grid, panels, strict=True):
        show(axes[0], sample)
        attributed = int(table["units"].iloc[0])
        text = f"units attributed: {attributed}" if attributed else "unattributable"
        axes[0].set_title(f"sample {number}\n{text}", fontsize=7)
        for ax, image, row in zip(axes[1:], images, table.itertuples(), strict=False):
            show(ax, image)
            ax.set_title(
                f"{shorten(str(row.unit_name))}\nz = {row.z:.1f}, p = {row.p_value:.2g}\n"
                f"q = {row.q_value:.2g}",
                fontsize=6.5,
            )
            if row.attributed:
                ax.spines[:].set(visible=True, color=RED, linewidth=2)
    framed = Patch(facecolor="none", edgecolor=RED, linewidth=2)
    text = f"framed: attributed, the false discovery rate q is at most {level:g}"
    figure.legend([framed], [text], loc="outside lower center")
    return figure


@styled
def evidence_figure(contrast: pd.DataFrame, sets: pd.DataFrame) -> Figure:
    """Draw all p-values, and how often the units nearest to a sample together have p <= 0.05.

    Args:
        contrast: columns sample, p_value, attributed.
        sets: columns units, p_value, p_null.
    """
    figure = Figure(figsize=(WIDTH, 2.7), layout="constrained")
    left, right = figure.subplots(1, 2)
    p = contrast["p_value"].to_numpy()
    left.hist(p, np.linspace(0, 1, 21), color=BLUE)
    left.axhline(len(p) / 20, color=GREY, ls="--", lw=1)
    left.set(xlabel="p-value of a unit's contrast", ylabel="(sample, unit) pairs", xlim=(0, 1))
    attributed = contrast.groupby("sample")["attributed"].any()
    left.set_title(
        f"p <= 0.05 for {np.mean(p <= 0.05):.1%} of pairs (dashed: no influence)\n"
        f"a unit is attributed for {attributed.sum()} of {len(attributed)} samples"
    )
    for column, colour, label in (
        ("p_value", BLUE, "their own code words"),
        ("p_null", GREY, "null code words instead"),
    ):
        share = sets[column].le(0.05).groupby(sets["units"]).mean()
        right.plot(share.index, share, "o-", ms=4, color=colour, label=label)
    right.axhline(0.05, color=GREY, ls=":", lw=1)
    right.set(xlabel="units nearest to the sample, tested together", ylim=(-0.03, 1.03))
    right.set_ylabel("share of samples with p <= 0.05")
    if len(sets):
        right.set(xscale="log", xticks=sorted(sets["units"].unique()))
        right.set_xticks([], minor=True)
        right.set_xticklabels([str(size) for size in sorted(sets["units"].unique())])
        right.legend(loc="center right")
    return figure
