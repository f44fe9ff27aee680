"""Agreement of scores with truth: by hand, and against SciPy and scikit-learn."""

import numpy as np
import pytest
from encoded_ensembles.grading import agreement
from scipy import stats
from sklearn.metrics import roc_auc_score


def test_spearman_equals_scipys():
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 5, size=(2, 9, 4)).astype(float)
    found = agreement.spearman(first, second)
    for b in range(4):
        assert found[b] == pytest.approx(stats.spearmanr(first[:, b], second[:, b]).statistic)
    assert np.isnan(agreement.spearman(np.ones((5, 1)), first[:5, :1])).all()


def test_agreement_within_samples_and_within_units_by_hand():
    """Each sample orders its units rightly; over the samples of a unit the order is turned round."""
    moved = np.array([[1.0, 3.0], [2.0, 5.0]])
    scores = np.array([[1.0, 0.0], [2.0, 0.5]])
    assert agreement.within_samples(scores, moved) == pytest.approx(1)
    assert agreement.within_units(scores, moved) == pytest.approx(-1)


def test_auc_equals_scikit_learns():
    rng = np.random.default_rng(0)
    scores, moved = rng.integers(0, 6, size=(2, 30, 5)).astype(float)
    moved += rng.normal(size=moved.shape) * 1e-3
    each = [roc_auc_score(moved[:, b] >= np.sort(moved[:, b])[-3], scores[:, b]) for b in range(5)]
    assert agreement.top_auc(scores, moved) == pytest.approx(np.mean(each))


def test_bootstrap_draws_are_of_their_own_and_as_spread_as_means_are():
    """Issue 14.28: the mean of 50 values of spread 1 has a spread of 1 / sqrt(50)."""
    values = np.random.default_rng(0).normal(size=50)
    values = (values - values.mean()) / values.std()

    def mean(rows, columns):
        return values[rows].mean() + columns.mean()

    found = agreement.bootstrap(mean, (50, 1), draws=400, seed=0)
    assert len(set(found)) == 400
    assert found.std() == pytest.approx(1 / np.sqrt(50), rel=0.2)
    assert np.array_equal(agreement.bootstrap(mean, (50, 1), draws=5, seed=0), found[:5])
    assert not np.isin(agreement.bootstrap(mean, (50, 1), draws=5, seed=1), found).any()
    spread = agreement.bootstrap(
        lambda rows, columns: columns.mean(), (1, 50), draws=50, seed=0
    ).std()
    assert spread == pytest.approx(np.arange(50).std() / np.sqrt(50), rel=0.4)
