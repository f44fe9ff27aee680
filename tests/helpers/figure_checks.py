"""For tests of figures: what a figure says, and a table of scores."""

import numpy as np
import pandas as pd
from matplotlib.text import Text

RNG = np.random.default_rng(0)


def texts(figure):
    """Return all that a figure says."""
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def labels(axis):
    """Return the labels of the ticks that are seen."""
    axis.figure.get_figure(root=True).draw_without_rendering()
    low, high = sorted(axis.get_view_interval())
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    return [
        tick.label1.get_text()
        for tick in ticks
        if low <= tick.get_loc() <= high and tick.label1.get_text()
    ]


def scores(*, singular=False):
    """Return a table of scores in which no two distances are alike."""
    sets = [
        "full",
        "real",
        "member",
        "member",
        "subset",
        "ablated",
        "ablated",
        "ablated",
        "factual",
    ]
    keep = ["0000", "", "0100", "1000", "1110", "1100", "0110", "0011", "1111"]
    count = len(sets)
    return pd.DataFrame(
        {
            "set": sets, "kept": [word.count("1") for word in keep], "keep": keep,
            "images": [20, 15, *[20] * 7], "frechet": 10.0 * np.arange(1, count + 1),
            "frechet_error": 0.1 * np.arange(1, count + 1), "kid_1000": np.arange(count) - 1.0,
            "kid_1000_error": 0.5, "reference": 16, "features": 64, "singular": singular,
            "extractor": "classifier",
        }
    )  # fmt: skip
