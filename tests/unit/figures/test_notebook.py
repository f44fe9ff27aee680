"""Pictures of one sample for notebooks: what they show."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from encoded_ensembles.figures import notebook
from encoded_ensembles.figures.style import RED
from matplotlib import pyplot as plt
from matplotlib.colors import same_color

mpl.use("Agg")
RNG = np.random.default_rng(0)
PICTURE = RNG.uniform(-1, 1, (1, 4, 4))


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def pixels(ax):
    return np.asarray(ax.images[0].get_array())


def test_a_picture_is_drawn_from_minus_one_to_one():
    ax = notebook.draw_picture(PICTURE, "mine")
    assert np.allclose(pixels(ax), (PICTURE[0] + 1) / 2)
    assert ax.images[0].get_clim() == (0, 1)
    assert ax.get_title() == "mine"
    _, own = plt.subplots()
    assert notebook.draw_picture(np.full((3, 4, 4), 5.0), "", own) is own
    assert pixels(own).max() == 1  # an overshoot is cut off
    assert pixels(own).shape == (4, 4, 3)


def test_attributed_units_are_framed_and_others_are_not():
    table = pd.DataFrame(
        {
            "unit_name": ["a", "b"], "value": [1.23, 0.4], "p": [0.001, 0.2], "q": [0.01, 0.5],
            "attributed": [True, False],
        }
    )  # fmt: skip
    images = [RNG.uniform(-1, 1, (1, 4, 4)) for _ in range(2)]
    sample, one, other = notebook.draw_attribution(7, PICTURE, table, images, "four")
    assert sample.get_title() == "sample 7\nfour"
    assert np.allclose(pixels(one), (images[0][0] + 1) / 2)
    assert np.allclose(pixels(other), (images[1][0] + 1) / 2)
    for number in ("a", "1.2", "0.001", "0.01"):
        assert number in one.get_title()
    spine = one.spines["left"]
    assert (spine.get_visible(), same_color(spine.get_edgecolor(), RED)) == (True, True)
    assert not other.spines["left"].get_visible()


def test_a_change_is_counterfactual_less_factual_on_a_scale_of_its_own():
    without = PICTURE.copy()
    without[0, 1, 2] += 0.5
    factual, counterfactual, change = notebook.draw_counterfactual(3, PICTURE, without, "a")
    assert np.allclose(pixels(factual), (PICTURE[0] + 1) / 2)
    assert counterfactual.get_title() == "without a"
    assert np.allclose(pixels(change), (without - PICTURE)[0])
    assert change.images[0].get_clim() == pytest.approx((-0.5, 0.5))
    assert "0.5" in change.get_title()
    same = notebook.draw_counterfactual(3, PICTURE, PICTURE, "a")[2]
    assert same.images[0].get_clim() == (-1, 1)


def test_a_landscape_counts_all_units_and_words():
    ax = notebook.draw_landscape(2, np.array([1.0, 2.0, 4.0]), np.array([3.0]), 2.0, "distance")
    said = [text.get_text() for text in ax.get_legend().get_texts()]
    assert said == ["1 null code words", "3 units", "this unit"]
    assert ax.lines[0].get_xdata()[0] == 2
    assert ax.get_xlabel() == "distance"
    words = sum(bar.get_height() * bar.get_width() for bar in ax.patches[:29])
    assert words == pytest.approx(1)  # a density, so that units and words can be compared
    _, own = plt.subplots()
    bare = notebook.draw_landscape(2, np.array([1.0]), np.zeros(0), None, "distance", own)
    assert bare is own
    assert [text.get_text() for text in bare.get_legend().get_texts()] == ["1 units"]


def top_units(count, **columns):
    """Return a table of the first units of a sample."""
    return pd.DataFrame({"unit_name": [f"digits/{i:05d}" for i in range(count)], **columns})


def test_a_frame_in_a_notebook_names_the_statistic_that_attributes():
    """Issue 14.25: units by distance stood with q of distance in the frame that contrast earned."""
    table = top_units(2, value=1.0, p=0.9, q=0.9, attributed=[False, True])
    images = np.zeros((2, 1, 4, 4), np.float32)
    axes = notebook.draw_attribution(0, images[0], table, images, "")
    assert [ax.get_xlabel() for ax in axes] == ["", "", "attributed by joint score"]
