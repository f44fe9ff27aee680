"""False attribution by hand and against a loop."""

import numpy as np
import pytest
from encoded_ensembles.data import likeness
from encoded_ensembles.grading import false_attribution


def test_nearest_unit_equals_a_loop(monkeypatch):
    rng = np.random.default_rng(0)
    points, training = rng.normal(size=(11, 5)), rng.normal(size=(7, 5))
    unit_of = np.array([3, 0, 1, 1, 2, 0, 3])
    wanted = [unit_of[np.argmin([np.linalg.norm(p - x) for x in training])] for p in points]
    assert likeness.nearest_unit(points, training, unit_of).tolist() == wanted
    monkeypatch.setattr(likeness, "HELD", 1)
    assert likeness.nearest_unit(points, training, unit_of).tolist() == wanted


def test_unchanged_by_hand():
    """Sample 0 is nearest to unit 1 and stays so without it; sample 1 leaves unit 2."""
    after = np.array([[1, 2], [1, 0], [0, 1]])
    own, other = false_attribution.unchanged(np.array([1, 2]), after)
    assert own.tolist() == [True, False]
    assert other == pytest.approx([0.5, 0.5])
