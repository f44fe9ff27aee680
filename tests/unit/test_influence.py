"""Hand-computed influence, and its laws."""

import numpy as np
import pytest
from encoded_ensembles import influence
from scipy import stats


def test_distance_by_hand():
    factual = np.zeros((1, 1, 2, 2), np.float32)
    moved = np.array([[[[[3, 0], [0, 4]]]]], np.float32)
    assert influence.distances(factual, moved).tolist() == [[5.0]]


@pytest.mark.parametrize(
    ("shape", "factor"), [((1, 32, 32), 13.8564), ((3, 32, 32), 8.0), ((1, 28, 28), 15.8360)]
)
def test_published_scale_is_that_of_enlarged_images(shape, factor):
    """The factors are those of the published results (facts of counterfactualuniverses)."""
    assert influence.published_scale(2.0, shape=shape) == pytest.approx(factor, abs=1e-3)


def test_published_scale_equals_really_enlarging():
    rng = np.random.default_rng(0)
    a, b = rng.uniform(-1, 1, (2, 1, 8, 8))
    large = [np.broadcast_to(np.kron(x[0], np.ones((32, 32))) / 2, (3, 256, 256)) for x in (a, b)]
    native = np.linalg.norm(a - b)
    assert influence.published_scale(native, shape=(1, 8, 8)) == pytest.approx(
        np.linalg.norm(large[0] - large[1])
    )


def test_p_values_by_hand():
    distance = np.array([[0.5], [2.0], [9.0]])
    null = np.array([[1.0], [2.0], [3.0]])
    assert influence.p_values(distance, null).tolist() == [[1.0], [0.75], [0.25]]


def test_p_values_equal_a_loop_and_are_uniform_under_the_null():
    rng = np.random.default_rng(0)
    distance, null = rng.normal(size=(500, 4)), rng.normal(size=(99, 4))
    p = influence.p_values(distance, null)
    loop = [[(1 + (null[:, b] >= d).sum()) / 100 for b, d in enumerate(row)] for row in distance]
    assert p.tolist() == loop
    fresh = influence.p_values(rng.normal(size=(1, 4000)), rng.normal(size=(99, 4000)))
    assert stats.kstest(fresh.ravel(), "uniform").pvalue > 0.01


def test_rank_and_radius():
    distance = np.array([[1.0, 5.0], [3.0, 5.0], [2.0, 9.0]])
    assert influence.ranks(distance).tolist() == [[3, 2], [1, 3], [2, 1]]
    assert influence.radius(distance).tolist() == [3.0, 9.0]
