"""Figures of quality: loss curves, and distances against the number of members kept."""

import numpy as np
import pandas as pd
import pytest
import yaml
from encoded_ensembles.figures import quality
from encoded_ensembles.figures.quality import kept_figure, loss_figure
from figure_checks import RNG, labels, scores
from workspace import REPOSITORY


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


def lines(ax):
    return {line.get_label(): line for line in ax.lines}


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
