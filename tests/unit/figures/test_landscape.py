"""Figures of samples, influence and landscapes: what they say of the numbers they are given."""

import numpy as np
import pandas as pd
import pytest
from encoded_ensembles.figures import landscape
from figure_checks import texts


def top_units(count, **columns):
    """Return a table of the first units of a sample."""
    return pd.DataFrame({"unit_name": [f"digits/{i:05d}" for i in range(count)], **columns})


@pytest.mark.parametrize("top", [1, 5])
def test_influence_shows_q_and_wastes_little_space(top):
    """Issue 14.25: p alone, on a page that was three quarters white."""
    table = top_units(top, distance=0.5, distance_p=0.0099, distance_q=0.41)
    pictures = np.zeros((top, 3, 8, 8), np.float32)
    panel = (3, pictures[0], table, pictures, pictures)
    figure = landscape.influence_figure([panel] * 2)
    assert texts(figure).count("digits/00000\nd = 0.50\np = 0.0099\nq = 0.41") == 2
    figure.draw_without_rendering()
    area = sum(
        ax.get_position().width * ax.get_position().height for ax in figure.axes if ax.images
    )
    assert area > 0.6


def test_no_remark_no_room_for_it():
    images = np.zeros((3, 1, 4, 4), np.float32)
    without = landscape.samples_figure([("real", "", images)])
    assert without.get_size_inches()[1] < landscape.samples_figure([("real", "", images)], remark="x").get_size_inches()[1]  # fmt: skip


def lines(ax):
    return {line.get_label(): line for line in ax.lines}


def test_p_values_are_counted_beside_what_is_expected_without_influence():
    """Issue 14.28: 40 pairs in 20 bins are two a bin."""
    pairs = pd.DataFrame(
        {
            "sample": np.repeat([0, 1], 20), "distance": np.arange(40.0), "distance_p": np.linspace(0.01, 1, 40),
        }
    )  # fmt: skip
    null = pd.DataFrame({"sample": [0, 1], "distance": [3.0, 50.0]})
    figure = landscape.landscape_figure(pairs, null, [0, 1])
    first, second, counts = (ax for part in figure.subfigs for ax in part.axes)
    assert "19.00" in first.get_title()
    assert "39.00" in second.get_title()
    assert lines(first)["counterfactual radius"].get_xdata()[0] == 19
    assert sum(bar.get_height() for bar in counts.patches) == 40
    (expected,) = counts.lines
    assert expected.get_ydata()[0] == 2
    assert "5.0%" in counts.get_title()
