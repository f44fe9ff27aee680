"""False attribution by hand."""

import numpy as np
import pytest
from encoded_ensembles.grading import false_attribution
from scipy.stats import binomtest


def test_unchanged_by_hand():
    """Sample 0 is nearest to unit 1 and stays so without it; sample 1 leaves unit 2."""
    after = np.array([[1, 2], [1, 0], [0, 1]])
    own, other = false_attribution.unchanged(np.array([1, 2]), after)
    assert own.tolist() == [True, False]
    assert other == pytest.approx([0.5, 0.5])


def test_samples_of_a_unit_count_once():
    """Two samples of a unit stay with 1/2 together, a third with 1/4: of 0 to 3 with 3/8, 1/8, 3/8, 1/8."""
    unit, other = np.array([4, 4, 7]), np.array([0.25, 0.75, 0.25])
    for count, p in ((0, 1), (1, 1 / 4), (2, 1), (3, 1 / 4)):
        stays = np.arange(3) < count
        assert false_attribution.count_p_value(unit, stays, other) == pytest.approx(p)
    alone = false_attribution.count_p_value(np.arange(9), np.arange(9) < 2, np.full(9, 0.6))
    assert alone == pytest.approx(binomtest(2, 9, 0.6).pvalue)
