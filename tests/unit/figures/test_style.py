"""The style of all figures, and how figures are saved."""

import resource

import matplotlib as mpl
import numpy as np
import pytest
from encoded_ensembles.figures import landscape, style
from encoded_ensembles.figures.style import save
from matplotlib.figure import Figure


def test_a_figure_that_does_not_fit_says_so_and_leaves_nothing(tmp_path):
    """As on a full disk: files may grow up to a limit, which the PNG keeps and the PDF passes."""
    figure = Figure(figsize=(1, 1))
    axes = figure.subplots()
    axes.plot(np.random.default_rng(0).random(3000))
    axes.axis("off")
    save(figure, tmp_path / "whole.pdf")
    least, most = ((tmp_path / f"whole.{kind}").stat().st_size for kind in ("png", "pdf"))
    for limit in np.linspace(least, most - 1, 12, dtype=int).tolist():
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
        try:
            with pytest.raises(OSError, match="File too large"):
                save(figure, tmp_path / "other.pdf")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert not (tmp_path / "other.pdf").exists()
        assert not list(tmp_path.glob(".*"))


def test_names_are_cut_in_the_middle_and_safe():
    assert style.shorten("short") == "short"
    long = style.shorten("a" * 30 + "z" * 30)
    assert (len(long), long[0], long[-1]) == (17, "a", "z")
    assert style.shorten("$a\n") == r"\$a "


def test_a_figure_leaves_the_settings_of_others_alone():
    before = dict(mpl.rcParams)
    landscape.samples_figure([("a", "b", np.zeros((2, 1, 4, 4)))])
    assert dict(mpl.rcParams) == before
