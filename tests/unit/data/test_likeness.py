"""Nearest images and units: by hand, and against a loop."""

import numpy as np
from encoded_ensembles.data import likeness


def test_nearest_unit_equals_a_loop(monkeypatch):
    rng = np.random.default_rng(0)
    points, training = rng.normal(size=(11, 5)), rng.normal(size=(7, 5))
    unit_of = np.array([3, 0, 1, 1, 2, 0, 3])
    wanted = [unit_of[np.argmin([np.linalg.norm(p - x) for x in training])] for p in points]
    assert likeness.nearest_unit(points, training, unit_of).tolist() == wanted
    monkeypatch.setattr(likeness, "HELD", 1)
    assert likeness.nearest_unit(points, training, unit_of).tolist() == wanted


def test_nearest_by_hand():
    images = np.array([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]])
    scores = likeness.nearest_scores(
        np.array([[0.0, 0.0], [6.0, 0.0]]), images, np.array([1, 0, 1])
    )
    assert scores.tolist() == [[-5.0, -5.0], [0.0, -6.0]]


def test_nearest_units_by_hand(monkeypatch):
    images = np.array([0, 50, 90, 40], np.uint8).reshape(4, 1, 1, 1)
    samples = np.array([10, 80]).reshape(2, 1, 1, 1) / 127.5 - 1
    for held in (likeness.HELD, 1):
        monkeypatch.setattr(likeness, "HELD", held)
        order = likeness.nearest_units(samples, images, np.array([0, 1, 2, 2]))
        assert order.tolist() == [[0, 2, 1], [2, 1, 0]]


def test_blocks_hold_whole_units_and_all_of_them():
    sizes = np.array([2, 1, 5, 1, 1, 3])
    assert list(likeness.unit_blocks(sizes, rows=3)) == [(0, 2), (2, 3), (3, 5), (5, 6)]
    assert list(likeness.unit_blocks(sizes, rows=100)) == [(0, 6)]
    assert list(likeness.unit_blocks(sizes, rows=0)) == [(u, u + 1) for u in range(6)]


def test_nearest_distances_by_hand():
    images = np.array([[0.0, 0], [3, 4], [3, 0]])
    found = likeness.nearest_distances(np.zeros((1, 2)), images, np.array([0, 1]))
    assert found.tolist() == [[0.0, 3.0]]
