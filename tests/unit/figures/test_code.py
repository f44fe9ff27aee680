"""Figures of the code: the numbers that they draw."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from encoded_ensembles.codes.properties import properties
from encoded_ensembles.figures import code as code_figures
from encoded_ensembles.figures.code import code_figure
from matplotlib.figure import Figure

PROPERTIES = {
    "column_sums": [3, 1, 2],
    "hamming_pairs": [0, 0, 5, 1],
    "hamming_min": 2,
    "hamming_mean": 2.25,
    "members_left_of_sets": [{"units": 1, "probability": 1.0}, {"units": 2, "probability": 0.25}],
}


def heights(ax):
    return [bar.get_height() for bar in ax.patches]


def test_the_matrix_and_its_numbers_are_drawn():
    code = np.random.default_rng(0).random((200, 3)) < 0.5
    before = dict(mpl.rcParams)
    figure = code_figures.code_figure(code, PROPERTIES)
    matrix, sums, hamming, left = (ax for part in figure.subfigs for ax in part.axes)
    (drawn,) = matrix.images
    assert np.array_equal(drawn.get_array(), code[: code_figures.CODE_ROWS])
    assert "first 128 of 200 units" in matrix.get_title()
    assert heights(sums) == [3, 1, 2]
    assert sums.lines[0].get_ydata()[0] == 2  # the mean
    assert heights(hamming) == [0, 0, 5, 1]
    assert ("2" in hamming.get_title(), "2.25" in hamming.get_title()) == (True, True)
    assert heights(left) == [1.0, 0.25]
    assert dict(mpl.rcParams) == before  # a figure's style is its own


def test_a_single_word_has_no_distance():
    alone = PROPERTIES | {"hamming_pairs": [0] * 4, "hamming_min": None, "hamming_mean": None}
    figure = code_figures.code_figure(np.ones((1, 3), bool), alone)
    assert "1 units" in figure.subfigs[0].axes[0].get_title()
    assert isinstance(figure, Figure)


def test_aliasing_is_drawn_row_by_row():
    rows = {
        "hamming": [2, 4], "pairs": [30, 7], "low": [0.1, -0.2], "mean": [0.3, 0.0], "high": [0.5, 0.2],
    }  # fmt: skip
    (ax,) = code_figures.aliasing_figure(pd.DataFrame(rows)).axes
    means = next(line for line in ax.lines if line.get_marker() == "o")
    assert means.get_xydata().tolist() == [[2, 0.3], [4, 0.0]]
    spans = [segment[:, 1].tolist() for segment in ax.collections[0].get_segments()]
    assert spans == [[0.1, 0.5], [-0.2, 0.2]]
    assert [text.get_text() for text in ax.texts] == ["30", "7"]
    assert [text.xy[1] for text in ax.texts] == pytest.approx([0.5, 0.2])


def test_the_middle_of_the_code_figure_says_what_it_shows():
    """Issue 14.25: "least 2, mean 6.00" of what, and a label nearer to its neighbour."""
    code = np.array([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]], bool)
    figure = code_figure(code, properties(code, code[:0]))
    _, top, middle, last = figure.axes
    assert middle.get_title() == "how different code words are: least 2, mean 2.67 members"
    assert middle.get_ylabel() == "pairs of units"
    figure.draw_without_rendering()
    at = [ax.yaxis.label.get_window_extent().x0 for ax in (top, middle, last)]
    assert at == pytest.approx([at[0]] * 3, abs=1)
