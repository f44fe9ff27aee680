"""Figures of the studies: the numbers that they draw."""

import numpy as np
import pandas as pd
import pytest
from encoded_ensembles.figures import studies
from encoded_ensembles.figures.studies import sizes_figure
from figure_checks import labels


def points(ax, label):
    (line,) = (line for line in ax.lines if line.get_label() == label)
    return line.get_xydata().tolist()


def means(ax, label):
    (found,) = (each for each in ax.containers if each.get_label() == label)
    return found.lines[0].get_xydata()


def test_sizes_are_drawn_beside_the_published_ones():
    radius = pd.DataFrame(
        {
            "units": [100, 100, 1000, 1000], "run": ["a", "a", "b", "c"], "sample": [0, 1, 0, 0],
            "radius_published": [10.0, 20, 4, 8], "distance": [5.0, 7, 2, 4], "null_distance": [4.0, 6, 1, 3],
        }
    )  # fmt: skip
    unchanged = pd.DataFrame(
        {
            "units": [100, 1000], "metric": "pixels", "unchanged": [0.5, 0.75], "low": [0.4, 0.7],
            "high": [0.6, 0.8], "unchanged_other": [0.9, 0.95],
        }
    )  # fmt: skip
    names = ["MNIST_4000", "MNIST_250", "CIFAR10_500", "FASHION_60", "CIFAR10_500"]
    published_radius = pd.DataFrame(
        {
            "ensemble": [*names[:4], "MNIST_4000_other"], "units": [4000, 250, 500, 60, 9],
            "mean_radius": [30.0, 40, 50, 60, 70],
        }
    )  # fmt: skip
    published_unchanged = pd.DataFrame(
        {
            "ensemble": names, "metric": ["euclidean"] * 4 + ["ssim"],
            "unchanged_percent": [40.0, 60, 70, 20, 1], "unchanged_percent_random": [90.0, 80, 85, 30, 2],
        }
    )  # fmt: skip
    left, right = studies.sizes_figure(
        radius, unchanged, published_radius, published_unchanged
    ).axes
    assert points(left, "radius, here") == [[100, 15], [1000, 6]]
    assert points(left, "mean over units, here") == [[100, 6], [1000, 3]]
    assert [[100, 15], [1000, 4], [1000, 8]] in [each.get_xydata().tolist() for each in left.lines]
    assert points(left, "radius, MNIST, published") == [[250, 40], [4000, 30]]
    assert points(left, "radius, CIFAR-10, published") == [[500, 50]]
    assert means(right, "pixels, here").tolist() == [[100, 0.5], [1000, 0.75]]
    bars = next(each for each in right.containers if each.get_label() == "pixels, here").lines[2]
    spans = [part[:, 1].tolist() for part in bars[0].get_segments()]
    assert np.allclose(spans, [[0.4, 0.6], [0.7, 0.8]])
    assert points(right, "pixels, MNIST, published") == [[250, 0.6], [4000, 0.4]]
    assert points(right, "pixels, CIFAR-10, published") == [[500, 0.7]]  # not the other metric's


def signal(**columns):
    rows = [(size, place) for size in (1, 3) for place in (0, 1)]
    table = pd.DataFrame(rows, columns=["units", "place"])
    return table.assign(
        contrast=table["units"] + table["place"], error=0.5, z=table["units"] * 2.0,
        found=0.25 * (1 + table["place"]), false=0.05, **columns,
    )  # fmt: skip


def test_levels_are_drawn_for_each_size_of_set():
    levels = signal().assign(level=[10, 20, 10, 20])
    statistics = pd.DataFrame(
        {"statistic": ["contrast", "distance"], "units": [1, 1], "z": [2.0, 0.1]}
    )
    first, second, third = studies.levels_figure(levels, statistics).axes
    assert means(first, "nearest").tolist() == [[10, 1], [20, 2]]
    assert means(first, "nearest 3").tolist() == [[10, 3], [20, 4]]
    solid = [line for line in second.lines if line.get_linestyle() == "-"]
    assert solid[0].get_xydata().tolist() == [[10, 0.25], [20, 0.5]]
    dotted = [line for line in second.lines if line.get_linestyle() == ":"]
    assert dotted[0].get_ydata().tolist() == [0.05, 0.05]
    dashed = next(line for line in second.lines if line.get_linestyle() == "--")
    assert dashed.get_ydata()[0] == 0.05
    assert third.lines[0].get_xdata().tolist() == [2.0, 0.1]


def test_members_have_a_column_for_each_run():
    table = signal().assign(members=[6, 12, 6, 12])
    figure = studies.members_figure({"digits": table, "artists": table.assign(z=9.0)})
    top, bottom = figure.axes[:2], figure.axes[2:]
    assert [ax.get_title() for ax in top] == ["digits", "artists"]
    assert points(top[0], "nearest") == [[6, 2], [12, 2]]
    assert points(top[0], "nearest 3") == [[6, 6], [12, 6]]
    assert points(top[1], "nearest") == [[6, 9], [12, 9]]
    assert bottom[0].lines[0].get_ydata() == pytest.approx([0.25, 0.5])


def test_sizes_have_plain_ticks():
    """Issue 14.25, a sibling of the ticks of gains."""
    radius = pd.DataFrame({"units": [64, 64, 2048, 2048], "run": "a", "radius_published": 1.0, "distance": 0.5, "null_distance": 0.4})  # fmt: skip
    unchanged = pd.DataFrame({"units": [64, 2048], "metric": "pixels", "unchanged": 0.5, "low": 0.4, "high": 0.6, "unchanged_other": 0.5})  # fmt: skip
    published = pd.DataFrame({"ensemble": ["MNIST_100", "MNIST_10000"], "units": [100, 10_000], "mean_radius": 1.0})  # fmt: skip
    false = pd.DataFrame({"ensemble": ["MNIST_100", "FASHION_100", "CIFAR10_100"], "metric": "euclidean", "unchanged_percent": 50, "unchanged_percent_random": 60})  # fmt: skip
    figure = sizes_figure(radius, unchanged, published, false)
    assert labels(figure.axes[0].xaxis) == ["100", "1000", "10000"]
