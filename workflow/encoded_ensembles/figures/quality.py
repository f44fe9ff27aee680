"""Figures of quality: how well members learn, and how good samples are."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from encoded_ensembles.figures.style import (
    BLUE,
    GREEN,
    ORANGE,
    RED,
    WIDTH,
    plain_ticks,
    say_below,
    styled,
)


@styled
def kept_figure(scores: pd.DataFrame, *, frechet_label: str, remark: str = "") -> Figure:
    """Draw Frechet distance and KID with standard errors against the number of members kept.

    Args:
        scores: columns set, kept, frechet, frechet_error, kid_1000, kid_1000_error.
        frechet_label: name of the Frechet distance on these features.
        remark: text below the figure.
    """
    figure = Figure(figsize=(WIDTH, 3.2 if remark else 2.9), layout="constrained")
    axes = figure.subplots(1, 2)
    masks = scores[scores["kept"] > 0].copy()
    groups = masks.groupby("kept")["kept"]
    middle = (groups.transform("size") - 1) / 2
    masks["place"] = masks["kept"] + 0.12 * (groups.cumcount() - middle)  # side by side
    ablated = masks["set"] == "ablated"
    for ax, column, label in zip(
        axes, ("frechet", "kid_1000"), (frechet_label, "KID x 1000, same features"), strict=True
    ):
        mean = masks.groupby("kept")[column].mean()
        ax.plot(mean.index, mean, color=BLUE, lw=1.2, zorder=1, label="mean of the keep masks")
        for rows, colour, text in (
            (masks[~ablated], BLUE, "a keep mask, with its standard error"),
            (masks[ablated], ORANGE, "one of the size of an ablated ensemble"),
        ):
            ax.errorbar(
                rows["place"], rows[column], rows[f"{column}_error"], fmt="o", ms=3, lw=0.8,
                color=colour, label=text,
            )  # fmt: skip
        for name, colour, style, text in (
            ("full", RED, "--", "full model, trained on all units"),
            ("real", GREEN, ":", "real images"),
        ):
            for row in scores[scores["set"] == name].to_dict("records"):
                value, error = row[column], row[f"{column}_error"]
                ax.axhline(value, color=colour, ls=style, lw=1.2, label=text)
                ax.axhspan(value - error, value + error, color=colour, alpha=0.12, lw=0)
        ax.set(xlabel="members kept", ylabel=label)
        ax.set_xticks(sorted(masks["kept"].unique()))
        ax.set_ylim(min(0, ax.get_ylim()[0]), None)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, fontsize=7)
    say_below(figure, remark)
    return figure


@styled
def loss_figure(losses: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw the loss curves of all members, each as the mean over fortieths of the training.

    Args:
        losses: member to table with columns step and loss, NaN where a batch was empty.
    """
    figure = Figure(figsize=(WIDTH * 0.6, 2.8), layout="constrained")
    ax = figure.subplots()
    labelled = False
    for member, table in losses.items():
        window = max(1, len(table) // 40)
        trained = table.dropna(subset="loss")
        smooth = trained.groupby((trained["step"] - 1) // window).mean()
        full = member == "full"
        label = "full model" if full else None if labelled else f"members ({len(losses) - 1})"
        labelled |= not full
        ax.plot(
            smooth["step"],
            smooth["loss"],
            color=RED if full else BLUE,
            lw=1.4 if full else 0.8,
            alpha=1 if full else 0.6,
            marker="o" if len(smooth) < 5 else None,
            ms=2,
            label=label,
        )
    ax.set(xlabel="optimiser step", ylabel="loss (mean squared error of the noise)", yscale="log")
    plain_ticks(ax.yaxis)
    empty = max((table["loss"].isna().mean() for table in losses.values()), default=0)
    if empty:
        ax.set_title(f"steps without a batch are left out: up to {empty:.0%} of a member's")
    ax.legend()
    return figure
