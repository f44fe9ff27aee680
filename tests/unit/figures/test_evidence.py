"""Figures of evidence and of landscapes: the numbers that they draw."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from encoded_ensembles.figures import evidence, landscape, quality, style
from encoded_ensembles.figures.style import RED
from matplotlib.colors import same_color


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


def test_evidence_counts_p_values_and_samples():
    """Issue 14.28: the share of samples is that of p-values at or below 0.05."""
    contrast = pd.DataFrame(
        {
            "sample": [0, 0, 1, 1],
            "p_value": [0.01, 0.5, 0.2, 0.9],
            "attributed": [True, False, False, False],
        }
    )
    sets = pd.DataFrame(
        {
            "units": [1, 1, 3, 3],
            "p_value": [0.05, 0.4, 0.01, 0.02],
            "p_null": [0.06, 0.4, 0.04, 0.9],
        }
    )
    left, right = evidence.evidence_figure(contrast, sets).axes
    assert sum(bar.get_height() for bar in left.patches) == 4
    assert left.lines[0].get_ydata()[0] == 4 / 20
    assert "25.0%" in left.get_title()
    assert "1 of 2 samples" in left.get_title()
    own, null = right.lines[:2]
    assert own.get_xydata().tolist() == [[1, 0.5], [3, 1]]
    assert null.get_xydata().tolist() == [[1, 0], [3, 0.5]]
    assert right.lines[2].get_ydata()[0] == 0.05


def test_attributed_units_are_framed():
    table = pd.DataFrame(
        {
            "unit_name": ["a", "b"], "z": [3.14, 0.2], "p_value": [0.001, 0.5], "q_value": [0.01, 0.9],
            "attributed": [True, False], "units": [1, 1],
        }
    )  # fmt: skip
    images = np.random.default_rng(0).uniform(-1, 1, (3, 1, 4, 4))
    figure = evidence.attribution_figure([(5, images[0], table, images[1:])], level=0.05)
    sample, one, other = figure.axes
    assert sample.get_title().startswith("sample 5")
    for number in ("3.1", "0.001", "0.01"):
        assert number in one.get_title()
    assert same_color(one.spines["left"].get_edgecolor(), RED)
    assert one.spines["left"].get_visible()
    assert not other.spines["left"].get_visible()
    assert np.allclose(np.asarray(other.images[0].get_array()), (images[2, 0] + 1) / 2)


def test_loss_curves_are_means_over_fortieths_of_the_training():
    tables = {
        name: pd.DataFrame({"step": np.arange(1, 81), "loss": np.arange(80) + start})
        for name, start in (("00", 1.0), ("full", 2.0))
    }
    (ax,) = quality.loss_figure(tables).axes
    drawn = lines(ax)
    assert drawn["members (1)"].get_xydata()[:2].tolist() == [[1.5, 1.5], [3.5, 3.5]]
    assert drawn["full model"].get_xydata()[-1].tolist() == [79.5, 80.5]
    assert len(drawn["full model"].get_xdata()) == 40


def test_names_are_cut_in_the_middle_and_safe():
    assert style.shorten("short") == "short"
    long = style.shorten("a" * 30 + "z" * 30)
    assert (len(long), long[0], long[-1]) == (17, "a", "z")
    assert style.shorten("$a\n") == r"\$a "


def test_a_figure_leaves_the_settings_of_others_alone():
    before = dict(mpl.rcParams)
    landscape.samples_figure([("a", "b", np.zeros((2, 1, 4, 4)))])
    assert dict(mpl.rcParams) == before
