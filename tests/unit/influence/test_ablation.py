"""Hand-computed influence, and its laws."""

import numpy as np
import pytest
from encoded_ensembles.influence import ablation


def test_distance_by_hand():
    factual = np.zeros((1, 1, 2, 2), np.float32)
    moved = np.array([[[[[3, 0], [0, 4]]]]], np.float32)
    assert ablation.distances(factual, moved).tolist() == [[5.0]]


@pytest.mark.parametrize(
    ("shape", "factor"), [((1, 32, 32), 13.8564), ((3, 32, 32), 8.0), ((1, 28, 28), 15.8360)]
)
def test_published_scale_is_that_of_enlarged_images(shape, factor):
    """The factors are those of the published results (facts of counterfactualuniverses)."""
    assert ablation.published_scale(2.0, shape=shape) == pytest.approx(factor, abs=1e-3)


def test_published_scale_equals_really_enlarging():
    rng = np.random.default_rng(0)
    a, b = rng.uniform(-1, 1, (2, 1, 8, 8))
    large = [np.broadcast_to(np.kron(x[0], np.ones((32, 32))) / 2, (3, 256, 256)) for x in (a, b)]
    native = np.linalg.norm(a - b)
    assert ablation.published_scale(native, shape=(1, 8, 8)) == pytest.approx(
        np.linalg.norm(large[0] - large[1])
    )


def test_rank_and_radius():
    distance = np.array([[1.0, 5.0], [3.0, 5.0], [2.0, 9.0]])
    assert ablation.ranks(distance).tolist() == [[3, 2], [1, 3], [2, 1]]
    assert ablation.radius(distance).tolist() == [3.0, 9.0]


def test_matched_is_the_distance_from_the_mean_of_the_others():
    points = np.random.default_rng(0).normal(size=(5, 2, 1, 3, 3)).astype(np.float32)
    total = points.sum(axis=0, dtype=np.float64)
    for number, each in enumerate(points):
        apart = each - np.delete(points, number, axis=0).mean(axis=0)
        found = ablation.matched(each, total, masks=5)
        assert np.allclose(found, np.sqrt((apart**2).sum(axis=(1, 2, 3))), atol=1e-6)
    assert ablation.matched(points[0], points[0], masks=1).tolist() == [0.0, 0.0]


def test_ssim_by_hand():
    """Two images of 3x3, one window: means 0 and 1/9, variances 2/9 and 8/81, covariance 1/9."""
    x, y = np.zeros((2, 1, 1, 3, 3))
    x[..., 0, 0], x[..., 2, 2], y[..., 0, 0] = 1, -1, 1
    c1, c2 = 0.0004, 0.0036
    expected = c1 * (2 / 9 + c2) / ((1 / 81 + c1) * (2 / 9 + 8 / 81 + c2))
    assert ablation.ssim(x, y) == pytest.approx(expected)


@pytest.mark.parametrize("side", [4, 8, 13])
def test_ssim_equals_a_loop_over_windows(side):
    x, y = np.random.default_rng(side).uniform(-1, 1, (2, 2, 3, side, side))
    k = 3 if side == 4 else 7
    found = []
    for i, j in np.ndindex(side - k + 1, side - k + 1):
        a, b = x[1, :, i : i + k, j : j + k], y[1, :, i : i + k, j : j + k]
        for p, q in zip(a, b, strict=True):
            cov = np.cov(p.ravel(), q.ravel(), bias=True)
            first = (2 * p.mean() * q.mean() + 0.0004) / (p.mean() ** 2 + q.mean() ** 2 + 0.0004)
            found.append(first * (2 * cov[0, 1] + 0.0036) / (cov.trace() + 0.0036))
    assert ablation.ssim(x, y)[1] == pytest.approx(np.mean(found))
    assert ablation.ssim(x, x) == pytest.approx(1)


def test_aliasing_by_hand():
    """Issue 14.28: cosines 0.9, 0 and 0 of words that all differ in two members have a mean of 0.3."""
    moved = np.array([[1, 0, 0], [0.9, np.sqrt(1 - 0.81), 0], [0, 0, 2]])[:, None]
    found = ablation.aliasing(moved.swapaxes(0, 1), np.eye(3, dtype=bool))
    assert found == pytest.approx(np.array([[2, 3, 0, 0.3, 0.45]]))
    moved[2] = 0  # a unit that moves nothing has no direction
    assert ablation.aliasing(moved.swapaxes(0, 1), np.eye(3, dtype=bool)) == pytest.approx(
        np.array([[2, 1, 0.9, 0.9, 0.9]])
    )
