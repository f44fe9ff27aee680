"""Figures of evidence: the numbers that they draw."""

import numpy as np
import pandas as pd
from encoded_ensembles.figures import evidence
from encoded_ensembles.figures.evidence import attribution_figure
from encoded_ensembles.figures.style import RED
from matplotlib.colors import same_color, to_rgba


def test_evidence_counts_p_values_and_samples():
    """Issue 14.28: the share of samples is that of p-values at or below 0.05."""
    contrast = pd.DataFrame(
        {
            "sample": [0, 0, 1, 1],
            "joint_p": [0.01, 0.5, 0.2, 0.9],
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
    checks = pd.DataFrame({"statistic": ["joint", "contrast"], "share": [0.051, 0.3]})
    queries = pd.DataFrame(
        {
            "kind": ["training", "training", "heldout"],
            "own": [True, False, False],
            "effect": [0.9, 0.4, 0.5],
        }
    )
    left, right, given = evidence.evidence_figure(contrast, sets, checks, queries).axes
    assert given.get_title().startswith("1 of 2 training images name themselves")
    assert [line.get_ydata().tolist() for line in given.lines[:2]] == [[0.9, 0.4], [0.5]]
    assert given.lines[2].get_ydata()[0] == 0.5
    assert sum(bar.get_height() for bar in left.patches) == 4
    assert left.lines[0].get_ydata()[0] == 4 / 20
    assert "25.0% of pairs, 5.1% of decoys" in left.get_title()
    assert "1 of 2 samples" in left.get_title()
    own, null = right.lines[:2]
    assert own.get_xydata().tolist() == [[1, 0.5], [3, 1]]
    assert null.get_xydata().tolist() == [[1, 0], [3, 0.5]]
    assert right.lines[2].get_ydata()[0] == 0.05


def test_attributed_units_are_framed():
    table = pd.DataFrame(
        {
            "unit_name": ["a", "b"], "joint_z": [3.14, 0.2], "joint_p": [0.001, 0.5],
            "joint_q": [0.01, 0.9], "attributed": [True, False],
        }
    )  # fmt: skip
    images = np.random.default_rng(0).uniform(-1, 1, (3, 1, 4, 4))
    figure = evidence.attribution_figure([(5, images[0], table, images[1:], "mine")], level=0.05)
    sample, one, other = figure.axes
    assert sample.get_title() == "sample 5\nmine"
    for number in ("3.1", "0.001", "0.01"):
        assert number in one.get_title()
    assert same_color(one.spines["left"].get_edgecolor(), RED)
    assert one.spines["left"].get_visible()
    assert not other.spines["left"].get_visible()
    assert np.allclose(np.asarray(other.images[0].get_array()), (images[2, 0] + 1) / 2)


def test_an_answer_in_a_few_words():
    for answer, units, text in (
        ("units", 3, "units attributed: 3"),
        ("group", 5, "one or more of the 5 most alike"),
        ("nothing", 0, "unattributable"),
    ):
        assert evidence.answer_text({"answer": answer, "units": units}) == text


def top_units(count, **columns):
    """Return a table of the first units of a sample."""
    return pd.DataFrame({"unit_name": [f"digits/{i:05d}" for i in range(count)], **columns})


def test_attribution_says_what_a_frame_means():
    """Issue 14.25: orange frames were explained in the caption only."""
    table = top_units(3, joint_z=2.0, joint_p=0.01, joint_q=[0.02, 0.3, 0.4])
    table["attributed"] = [True, False, False]
    images = np.zeros((3, 1, 4, 4), np.float32)
    figure = attribution_figure([(0, images[0], table, images, "")], level=0.03)
    (legend,) = figure.legends
    assert legend.get_texts()[0].get_text().endswith("is at most 0.03")
    framed = [
        ax.spines["left"].get_edgecolor() for ax in figure.axes if ax.spines["left"].get_visible()
    ]
    assert framed == [to_rgba(legend.get_patches()[0].get_edgecolor())]
