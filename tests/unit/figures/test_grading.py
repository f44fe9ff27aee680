"""Figures of grading: the numbers that they draw."""

import numpy as np
import pandas as pd
import pytest
from encoded_ensembles.figures import grading
from encoded_ensembles.figures.grading import gains_figure, scoreboard_figure
from figure_checks import labels


def labelled(ax):
    return {line.get_label(): line for line in ax.lines}


def gains():
    methods = ["trak.full", "pixels", "random", "best possible"]
    return pd.DataFrame(
        [
            (name, k, gain / k, gain / k - 0.1, gain / k + 0.2)
            for name, gain in zip(methods, (0.2, 0.4, 0.0, 0.9), strict=True)
            for k in (1, 2, 5)
        ],
        columns=["method", "k", "gain", "low", "high"],
    )


AREAS = pd.DataFrame(
    {
        "method": ["best possible", "pixels", "trak.full", "trak.one", "random"],
        "area": [0.9, 0.4, 0.2, 0.1, 0.0],
    }
)
CALIBRATION = pd.DataFrame(
    {
        "kind": ["posterior", "isotonic", "boosted"] * 2,
        "predicted": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
        "found": [0.0, 0.2, 0.1, 0.5, 0.4, 0.7],
        "error": [0.01] * 6,
    }
)


def test_gain_curves_are_drawn_as_they_are():
    left, right = grading.gains_figure(gains(), AREAS, CALIBRATION).axes[:2]
    drawn = labelled(left)
    for name, rows in gains().groupby("method"):
        assert drawn[name].get_xydata().tolist() == rows[["k", "gain"]].to_numpy().tolist()
    assert "trak.one" not in drawn  # one version of each kind
    found = [container.lines[0].get_xydata().tolist() for container in right.containers]
    assert found[0] == [[0.1, 0.0], [0.4, 0.5]]
    assert len(found) == 3


def test_the_version_of_a_kind_does_not_depend_on_its_grade():
    """The kind itself, else its mean, else the first by name; by area, largest first."""
    assert grading._families(AREAS) == ["best possible", "pixels", "trak.full", "random"]
    names = [
        "calibrated.linear",
        "trak.one",
        "retrac.one",
        "calibrated",
        "trak.mean",
        "retrac.full",
    ]
    for order in (names, names[::-1]):
        areas = pd.DataFrame({"method": order, "area": np.arange(6.0)[::-1]})
        wanted = ("calibrated", "trak.mean", "retrac.full")
        assert grading._families(areas) == [name for name in order if name in wanted]


def test_the_scoreboard_draws_each_grade_in_its_panel():
    board = pd.DataFrame(
        [
            ("a", "gain", 0.2, 0.1, 0.3), ("b", "gain", 0.5, 0.4, 0.6), ("best possible", "gain", 0.9, 0.8, 1),
            ("random", "gain", 0.1, 0, 0.15),
            ("a", "auc", 0.7, 0.6, 0.8), ("c", "auc", 0.4, np.nan, np.nan), ("a", "planted_top", 0.7, 0.6, 0.8),
        ],
        columns=["method", "grade", "value", "low", "high"],
    )  # fmt: skip
    gain, auc, planted = grading.scoreboard_figure(board).axes[:3]
    names = [label.get_text() for label in gain.get_yticklabels()]
    assert names == ["c", "random", "a", "b"]  # by gain, the best on top; those without one below
    assert [line.get_marker() for line in planted.lines] == ["o"]  # chance is not known
    for ax, values, spans, chance in (
        (
            gain,
            {"a": 0.2, "b": 0.5, "random": 0.1},
            {"a": (0.1, 0.3), "b": (0.4, 0.6), "random": (0, 0.15)},
            0.1,  # that of random units
        ),
        (auc, {"a": 0.7, "c": 0.4}, {"a": (0.6, 0.8)}, 0.5),
    ):
        dots = next(line for line in ax.lines if line.get_marker() == "o").get_xydata()
        assert {names[int(y)]: x for x, y in dots} == values
        bars = [segment for part in ax.collections for segment in part.get_segments()]
        assert {names[int(bar[0, 1])]: (bar[0, 0], bar[1, 0]) for bar in bars} == spans
        upright = next(line for line in ax.lines if line.get_marker() != "o")
        assert upright.get_xdata()[0] == chance


@pytest.mark.parametrize("fresh", [False, True])
def test_truth_is_drawn_pair_by_pair(fresh):
    truth = pd.DataFrame(
        {
            "sample": [0, 1, 0, 1], "unit": [3, 3, 5, 5], "chosen": ["random", "random", "near", "near"],
            "same": [0.1, 0.2, 0.3, 0.4], "fresh": [0.6, 0.7, np.nan, np.nan] if fresh else np.nan,
            "seed": [0.5, 0.8, np.nan, np.nan] if fresh else np.nan,
        }
    )  # fmt: skip
    influence = truth[["sample", "unit"]].assign(distance=[1.0, 2.0, 3.0, 4.0])
    axes = grading.truth_figure(truth, influence.sample(frac=1, random_state=0)).axes
    assert len(axes) == (3 if fresh else 2)
    drawn = labelled(axes[0])
    assert drawn["random units"].get_xydata().tolist() == [[0.1, 1], [0.2, 2]]
    assert drawn["near units"].get_xydata().tolist() == [[0.3, 3], [0.4, 4]]
    legend = [text.get_text() for text in axes[1].get_legend().get_texts()]
    assert any(text.endswith("0.25") for text in legend)  # mean of same
    assert any(text.endswith("2.50") for text in legend)  # mean of ablated
    if fresh:
        known = axes[2].lines[0].get_xydata()
        assert known[np.isfinite(known).all(axis=1)].tolist() == [[0.5, 0.6], [0.8, 0.7]]


def test_gains_have_plain_ticks_and_a_right_panel_that_is_readable_near_0():
    """Issue 14.25: ticks of 10^0, and most points upon each other."""
    k = np.arange(1, 501)
    gains = pd.concat(
        pd.DataFrame({"method": name, "k": k, "gain": 1 / k, "low": 0.9 / k, "high": 1.1 / k})
        for name in ("pixels", "random")
    )
    areas = pd.DataFrame({"method": ["pixels", "random"], "area": [0.5, 0.1]})
    predicted = np.array([-0.05, -0.01, -0.005, 0.0, 0.005, 0.01, 0.02, 0.05, 0.3, 0.8])
    calibration = pd.DataFrame(
        {"kind": "posterior", "predicted": predicted, "found": predicted, "error": 0.01}
    )
    figure = gains_figure(gains, areas, calibration)
    left, right = figure.axes
    assert labels(left.xaxis) == ["1", "10", "100"]
    assert not any("10^" in label or "mathdefault" in label for label in labels(right.xaxis))
    middle, end = right.transData.transform([(0, 0), (0.05, 0.05)])
    assert (end - middle)[0] > 0.1 * right.get_window_extent().width
    assert (end - middle)[1] > 0.1 * right.get_window_extent().height


def test_every_panel_of_the_scoreboard_says_what_its_values_are():
    """Issue 14.25: no panel had a label."""
    grades = ["gain", "within_samples", "auc", "lds_loss", "planted_recall"]
    board = pd.DataFrame(
        [(m, g, 0.1, 0.0, 0.2) for m in ("a", "b") for g in grades],
        columns=["method", "grade", "value", "low", "high"],
    )
    shown = [ax for ax in scoreboard_figure(board).axes if ax.axison]
    assert [ax.get_xlabel() for ax in shown] == [
        "area under the gain curve", "Spearman's correlation", "area under the ROC curve",
        "Spearman's correlation", "share of the plant's units",
    ]  # fmt: skip
