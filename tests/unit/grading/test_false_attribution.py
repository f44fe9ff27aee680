"""False attribution by hand."""

import numpy as np
import pytest
from encoded_ensembles.grading import false_attribution


def test_unchanged_by_hand():
    """Sample 0 is nearest to unit 1 and stays so without it; sample 1 leaves unit 2."""
    after = np.array([[1, 2], [1, 0], [0, 1]])
    own, other = false_attribution.unchanged(np.array([1, 2]), after)
    assert own.tolist() == [True, False]
    assert other == pytest.approx([0.5, 0.5])
