"""The figures: what they say of the numbers they are given."""

import numpy as np
import pandas as pd
import pytest
import yaml
from encoded_ensembles.codes.properties import properties
from encoded_ensembles.commands import plot_kept, plot_samples
from encoded_ensembles.figures import notebook, style
from encoded_ensembles.figures.code import code_figure
from encoded_ensembles.figures.evidence import attribution_figure
from encoded_ensembles.figures.grading import gains_figure, scoreboard_figure
from encoded_ensembles.figures.landscape import influence_figure, samples_figure
from encoded_ensembles.figures.quality import kept_figure, loss_figure
from encoded_ensembles.figures.studies import sizes_figure
from encoded_ensembles.storage.files import write_arrays, write_table
from matplotlib.colors import to_rgba
from matplotlib.text import Text
from workspace import REPOSITORY

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


def test_a_row_of_samples_has_the_distance_of_the_very_set_it_shows(tmp_path, monkeypatch):
    """Issue 14.25: beside each row stood the mean over other keep masks."""
    table = scores()
    images = RNG.integers(0, 256, (len(table), 12, 4, 4, 1), np.uint8)
    write_table(tmp_path / "scores.parquet", table)
    write_arrays(tmp_path / "pictures.npz", {"images": images})
    drawn = []
    monkeypatch.setattr(style, "save", lambda figure, _: drawn.append(figure))
    plot_samples.plot_samples(
        tmp_path / "scores.parquet", tmp_path / "pictures.npz", tmp_path / "x.pdf"
    )
    grid = np.array(drawn[0].axes).reshape(6, 12)
    said = [axes[0].get_ylabel() for axes in grid]
    assert said[0] == "real images\nFrechet distance 20.0 ± 0.2\n(15 images, not 20)"
    assert said[2] == "member 1\nFrechet distance 30.0 ± 0.3"
    assert said[4] == "ablated ensemble of 2\nFrechet distance 60.0 ± 0.6"
    for axes, row in zip(grid, (1, 0, 2, 8, 5, 6), strict=True):
        assert f"distance {table['frechet'][row]:.1f} ±" in axes[0].get_ylabel()
        shown = [np.rint(255 * ax.images[0].get_array()) for ax in axes]
        assert np.array_equal(shown, images[row, ..., 0])


def test_too_few_images_are_said_below_the_figures(tmp_path, monkeypatch):
    """Issue 14.20b: in the figures of samples and of members kept."""
    drawn = []
    monkeypatch.setattr(style, "save", lambda figure, _: drawn.append(figure))
    images = np.zeros((9, 12, 4, 4, 1), np.uint8)
    write_arrays(tmp_path / "pictures.npz", {"images": images})
    for singular in (True, False):
        write_table(tmp_path / "scores.parquet", scores(singular=singular))
        plot_samples.plot_samples(
            tmp_path / "scores.parquet", tmp_path / "pictures.npz", tmp_path / "x"
        )
        plot_kept.plot_kept(tmp_path / "scores.parquet", tmp_path / "x")
    said = [any("Too few images" in text for text in texts(figure)) for figure in drawn]
    assert said == [True, True, False, False]


def test_kept_shows_each_mask_with_its_error_and_says_the_scale_of_kid():
    """Issue 14.25: two points for each mean, and KID on a scale that nobody knows."""
    figure = kept_figure(scores(), frechet_label="Frechet distance (pixels)")
    for ax, column in zip(figure.axes, ("frechet", "kid_1000"), strict=True):
        points = [box for box in ax.containers if box.has_yerr]
        values = np.concatenate([box.lines[0].get_ydata() for box in points])
        assert sorted(values) == sorted(scores().loc[scores()["kept"] > 0, column])
        places = np.concatenate([box.lines[0].get_xdata() for box in points])
        assert len(set(places.tolist())) == 7  # no point hides another
    assert figure.axes[1].get_ylabel() == "KID x 1000, same features"
    schema = yaml.safe_load((REPOSITORY / "workflow/schemas/config.schema.yaml").read_text())
    assert schema["properties"]["frechet"]["properties"]["repeats"]["default"] > 2
    assert yaml.safe_load((REPOSITORY / "config.yaml").read_text())["frechet"]["repeats"] > 2


def top_units(count, **columns):
    """Return a table of the first units of a sample."""
    return pd.DataFrame({"unit_name": [f"digits/{i:05d}" for i in range(count)], **columns})


@pytest.mark.parametrize("top", [1, 5])
def test_influence_shows_q_and_wastes_little_space(top):
    """Issue 14.25: p alone, on a page that was three quarters white."""
    table = top_units(top, distance=0.5, distance_p=0.0099, distance_q=0.41)
    pictures = np.zeros((top, 3, 8, 8), np.float32)
    panel = (3, pictures[0], table, pictures, pictures)
    figure = influence_figure([panel] * 2)
    assert texts(figure).count("digits/00000\nd = 0.50\np = 0.0099, q = 0.41") == 2
    figure.draw_without_rendering()
    area = sum(
        ax.get_position().width * ax.get_position().height for ax in figure.axes if ax.images
    )
    assert area > 0.6


def test_attribution_says_what_a_frame_means():
    """Issue 14.25: orange frames were explained in the caption only."""
    table = top_units(3, z=2.0, p_value=0.01, q_value=[0.02, 0.3, 0.4], units=1)
    table["attributed"] = [True, False, False]
    images = np.zeros((3, 1, 4, 4), np.float32)
    figure = attribution_figure([(0, images[0], table, images)], level=0.03)
    (legend,) = figure.legends
    assert legend.get_texts()[0].get_text().endswith("q is at most 0.03")
    framed = [
        ax.spines["left"].get_edgecolor() for ax in figure.axes if ax.spines["left"].get_visible()
    ]
    assert framed == [to_rgba(legend.get_patches()[0].get_edgecolor())]


def test_a_frame_in_a_notebook_names_the_statistic_that_attributes():
    """Issue 14.25: units by distance stood with q of distance in the frame that contrast earned."""
    table = top_units(2, value=1.0, p=0.9, q=0.9, attributed=[False, True])
    images = np.zeros((2, 1, 4, 4), np.float32)
    axes = notebook.draw_attribution(0, images[0], table, images, 1)
    assert [ax.get_xlabel() for ax in axes] == ["", "", "attributed by contrast"]


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


def test_sizes_have_plain_ticks():
    """Issue 14.25, a sibling of the ticks of gains."""
    radius = pd.DataFrame({"units": [64, 64, 2048, 2048], "radius_published": 1.0, "distance": 0.5, "null_distance": 0.4})  # fmt: skip
    unchanged = pd.DataFrame({"units": [64, 2048], "metric": "pixels", "unchanged": 0.5, "low": 0.4, "high": 0.6, "unchanged_other": 0.5})  # fmt: skip
    published = pd.DataFrame({"ensemble": ["MNIST_100", "MNIST_10000"], "units": [100, 10_000], "mean_radius": 1.0})  # fmt: skip
    false = pd.DataFrame({"ensemble": ["MNIST_100", "FASHION_100", "CIFAR10_100"], "metric": "euclidean", "unchanged_percent": 50, "unchanged_percent_random": 60})  # fmt: skip
    figure = sizes_figure(radius, unchanged, published, false)
    assert labels(figure.axes[0].xaxis) == ["100", "1000", "10000"]


@pytest.mark.parametrize("empty", [0.0, 0.5, 0.97])
def test_loss_curves_are_whole_where_batches_are_empty(empty):
    """Issue 14.13 and 14.25: NaN of empty batches tore the curves to pieces."""
    steps = np.arange(1, 801)
    losses = {}
    for member in ("00", "01", "full"):
        loss = 1 / np.sqrt(steps)
        loss[RNG.random(len(steps)) < empty] = np.nan
        loss[[0, -1]] = 1, 0.04
        losses[member] = pd.DataFrame({"step": steps, "loss": loss})
    figure = loss_figure(losses)
    (ax,) = figure.axes
    for line in ax.lines:
        assert np.isfinite(line.get_ydata()).all()
        assert len(line.get_ydata()) >= 2
        assert line.get_xdata()[0] < 20
        assert line.get_xdata()[-1] > 780
    assert bool(ax.get_title()) == (empty > 0)
    assert "0.1" in labels(ax.yaxis)


def test_no_remark_no_room_for_it():
    images = np.zeros((3, 1, 4, 4), np.float32)
    without = samples_figure([("real", "", images)])
    assert without.get_size_inches()[1] < samples_figure([("real", "", images)], remark="x").get_size_inches()[1]  # fmt: skip
