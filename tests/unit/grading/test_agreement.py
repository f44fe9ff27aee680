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


def test_a_unit_that_counts_twice_is_not_compared_with_itself():
    """Ten units, the best is first by score: of 10, and of a draw that has it three times."""
    moved = np.arange(10.0)[:, None]
    assert agreement.top_auc(moved, moved) == agreement.first_share(moved, moved) == 1
    times = np.array([0, 2, 1, 1, 0, 1, 1, 0, 1, 3])
    assert agreement.top_auc(moved, moved, times) == agreement.first_share(moved, moved, times) == 1
    # The second by score moves the sample most: of the seven others one has a larger score; it counts once.
    scores = np.where(moved == 8, 10.0, moved)
    assert agreement.top_auc(scores, moved, times) == pytest.approx(6 / 7)
    assert agreement.first_share(scores, moved, times) == pytest.approx(6 / 9)
    assert np.isnan(agreement.first_share(moved[:1], moved[:1]))


def test_counting_a_unit_twice_is_an_average_over_its_copies():
    """Of units that are not among the best: copies of them as rows give the same area."""
    rng = np.random.default_rng(2)
    scores, moved = rng.normal(size=(2, 20, 6))
    moved[:2] += 10
    times = np.r_[1, 1, rng.integers(1, 3, size=18)]
    copied = [np.repeat(values, times, axis=0) for values in (scores, moved)]
    share = 2 / times.sum()
    assert agreement.top_auc(scores, moved, times, share=share) == pytest.approx(
        agreement.top_auc(*copied, share=share)
    )


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
