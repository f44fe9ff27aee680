"""Weighted false discovery rates by hand, and their level."""

import numpy as np
import pytest
from encoded_ensembles.influence.multiplicity import learnt_weights, weighted_q, weights_of
from scipy.stats import false_discovery_control


def test_weights_are_one_over_rank_of_mean_one():
    weights = weights_of(np.array([[2, 0, 1], [0, 1, 2]]))
    assert weights[:, 0].tolist() == pytest.approx([9 / 11, 6 / 11, 18 / 11])
    assert weights[:, 1].tolist() == pytest.approx([18 / 11, 9 / 11, 6 / 11])


def test_weighted_q_by_hand():
    """P / weight are 0.02, 0.2 and 1 (cut off); times 3 / 1, 3 / 2 and 3 / 3."""
    p, weights = np.array([[0.04], [0.1], [0.9]]), np.array([[2.0], [0.5], [0.5]])
    assert weighted_q(p, weights)[:, 0].tolist() == pytest.approx([0.06, 0.3, 1.0])
    assert np.array_equal(weighted_q(p, np.ones((3, 1))), false_discovery_control(p, axis=0))


def orders(rng, samples, units):
    return np.stack([rng.permutation(units) for _ in range(samples)])


@pytest.mark.parametrize("learnt", [False, True])
def test_samples_without_any_effect_rarely_have_a_discovery(learnt):
    rng = np.random.default_rng(0)
    order = orders(rng, 400, 60)
    p = rng.random((60, 400))
    weights = learnt_weights(p, order) if learnt else weights_of(order)
    assert weights.mean(axis=0) == pytest.approx(np.ones(400))
    assert (weighted_q(p, weights) <= 0.05).any(axis=0).mean() < 0.08


def test_learnt_weights_do_not_depend_on_the_unit_s_own_evidence():
    """Those of a fold of units follow from the others alone."""
    rng = np.random.default_rng(1)
    order = orders(rng, 60, 40)
    p = rng.random((40, 60))
    near = np.take_along_axis(p, order.T, axis=0)
    near[:4] **= 4
    np.put_along_axis(p, order.T, near, axis=0)
    before = learnt_weights(p, order)
    by_rank = np.take_along_axis(before, order.T, axis=0).mean(axis=1)
    assert by_rank[0] > 3 * by_rank[-1]
    p[3] = 1.0
    after = learnt_weights(p, order)[3]
    assert np.corrcoef(after, before[3])[0, 1] > 0.99
    assert after == pytest.approx(before[3], rel=0.2)  # up to the mean over the sample's units
