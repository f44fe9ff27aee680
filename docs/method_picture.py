"""Draw docs/figures/method.png, the schematic of the method: python docs/method_picture.py.

Four members and six units, which use up all code words of length 4 and weight 2. The units are six of
scikit-learn's digits; the samples are boxes, because the schematic shows no result.
"""

from itertools import combinations
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle
from sklearn.datasets import load_digits

OUTPUT = Path(__file__).parent / "figures" / "method.png"
MEMBERS, WEIGHT, ABLATED = 4, 2, 2  # ABLATED is the row of the unit u
BLUE, ORANGE, GREY, PALE = "#0072B2", "#D55E00", "#808080", "#F2F2F2"
CELL = 0.72
LEFT, TOP = 1.75, 5.2  # upper left corner of the code matrix
ROWS = {"factual": 4.0, "counterfactual": 1.35}  # heights of the two ways through the ensemble


def main() -> None:
    """Draw the schematic and write it."""
    words = [
        [member in kept for member in range(MEMBERS)]
        for kept in combinations(range(MEMBERS), WEIGHT)
    ]
    figure, ax = plt.subplots(figsize=(10.4, 4.9))
    ax.set(xlim=(-0.5, 13.5), ylim=(-0.45, 5.75), aspect="equal")
    ax.axis("off")
    draw_code(ax, np.array(words))
    noise = np.random.default_rng(1).normal(size=(8, 8))
    draw_picture(ax, noise, 6.35, sum(ROWS.values()) / 2, 1.0)
    ax.text(6.35, 1.93, "exogenous\nnoise z,\nfixed", ha="center", va="top", fontsize=9)
    draw_way(ax, ROWS["factual"], [True] * MEMBERS, "factual\nsample  s", BLUE)
    draw_way(
        ax, ROWS["counterfactual"], ~np.array(words[ABLATED]), "counter-\nfactual  s[-u]", ORANGE
    )
    ax.text(9.0, 5.2, "all members", ha="center", fontsize=10, color=BLUE)
    ax.text(9.0, 0.2, "without the members that saw u", ha="center", fontsize=10, color=ORANGE)
    arrow(ax, (12.5, 3.3), (12.5, 2.05), GREY, "<|-|>")
    ax.text(12.4, sum(ROWS.values()) / 2, "influence\nof u", ha="right", va="center", fontsize=10)
    figure.savefig(OUTPUT, dpi=140, bbox_inches="tight", pad_inches=0.05)


def draw_code(ax: Axes, words: np.ndarray) -> None:
    """Draw the code matrix (U, n) with a picture before each row and a member below each column."""
    pictures = load_digits().images
    right, bottom = LEFT + MEMBERS * CELL, TOP - len(words) * CELL
    for row, word in enumerate(words):
        middle = TOP - (row + 0.5) * CELL
        draw_picture(ax, -pictures[row], 1.2, middle, 0.6)
        for member, seen in enumerate(word):
            corner = (LEFT + member * CELL, TOP - (row + 1) * CELL)
            colour = ORANGE if row == ABLATED else BLUE
            face = colour if seen else "white"
            ax.add_patch(Rectangle(corner, CELL, CELL, facecolor=face, edgecolor=GREY, lw=0.6))
            ax.text(
                corner[0] + CELL / 2, middle, str(int(seen)),
                ha="center", va="center", fontsize=9, color="white" if seen else GREY,
            )  # fmt: skip
    for member in range(MEMBERS):
        x = LEFT + (member + 0.5) * CELL
        arrow(ax, (x, bottom - 0.02), (x, bottom - 0.42), GREY)
        draw_member(ax, x, bottom - 0.75, member, BLUE)
    ax.text(
        0.75, TOP - (ABLATED + 0.5) * CELL, "u", ha="right", va="center", fontsize=13, color=ORANGE
    )
    ax.text(1.2, TOP + 0.15, "units", ha="center", fontsize=10)
    ax.text((LEFT + right) / 2, TOP + 0.15, "code words", ha="center", fontsize=10)
    ax.text(1.6, bottom - 0.75, "members", ha="right", va="center", fontsize=10)
    ax.text(
        1.6,
        bottom - 0.25,
        "each trains\non a column",
        ha="right",
        va="center",
        fontsize=9,
        color=GREY,
    )


def draw_way(
    ax: Axes, height: float, keep: "np.ndarray | list[bool]", name: str, colour: str
) -> None:
    """Draw one way from the noise through the members that `keep` (n,) names to a sample."""
    ax.add_patch(
        FancyBboxPatch(
            (7.55, height - 0.75), 2.9, 1.5, boxstyle="round,pad=0.05", facecolor=PALE, lw=0
        )
    )
    up = 0.35 if height > sum(ROWS.values()) / 2 else -0.35
    arrow(ax, (6.95, sum(ROWS.values()) / 2 + up), (7.45, height - up), GREY)
    for member, kept in enumerate(keep):
        draw_member(ax, 7.92 + member * CELL, height + 0.25, member, BLUE if kept else None)
    ax.text(
        9.0,
        height - 0.47,
        "mean noise prediction",
        ha="center",
        va="center",
        fontsize=10,
    )
    arrow(ax, (10.55, height), (11.55, height), GREY)
    box = FancyBboxPatch(
        (11.65, height - 0.55),
        1.7,
        1.1,
        boxstyle="round,pad=0.04",
        facecolor="white",
        edgecolor=colour,
        lw=1.8,
    )
    ax.add_patch(box)
    ax.text(12.5, height, name, ha="center", va="center", fontsize=10, color=colour)


def draw_member(ax: Axes, x: float, y: float, member: int, colour: str | None) -> None:
    """Draw a member as a box with its number; dashed and crossed out where there is no colour."""
    half = 0.26
    ax.add_patch(
        FancyBboxPatch(
            (x - half, y - half), 2 * half, 2 * half, boxstyle="round,pad=0.03",
            facecolor=colour or "white", edgecolor=colour or GREY, ls="-" if colour else "--", lw=1,
        )
    )  # fmt: skip
    ax.text(
        x, y, str(member), ha="center", va="center", fontsize=10, color="white" if colour else GREY
    )
    if not colour:
        ax.plot([x - half, x + half], [y - half, y + half], color=GREY, lw=1)


def draw_picture(ax: Axes, values: np.ndarray, x: float, y: float, side: float) -> None:
    """Draw grey values (H, W) as a square picture around (x, y)."""
    extent = (x - side / 2, x + side / 2, y - side / 2, y + side / 2)
    ax.imshow(values, cmap="gray", extent=extent, interpolation="nearest", zorder=2)


def arrow(
    ax: Axes, start: tuple[float, float], end: tuple[float, float], colour: str, style: str = "-|>"
) -> None:
    """Draw an arrow."""
    ax.add_patch(
        FancyArrowPatch(start, end, arrowstyle=style, mutation_scale=11, color=colour, lw=1.2)
    )


if __name__ == "__main__":
    main()
