"""Standard errors of distances: the spread of repeated draws, and the jackknife by its definition."""

import numpy as np
import pytest
from cleanfid.fid import fid_from_feats
from encoded_ensembles.features.standard_errors import frechet_error, kid_error


def kid(features, reference):
    """The unbiased squared MMD, by its definition."""
    n, m, size = len(features), len(reference), features.shape[1]
    within = [
        np.mean([(each[i] @ each[j] / size + 1) ** 3 for i in range(k) for j in range(k) if i != j])
        for each, k in ((features, n), (reference, m))
    ]
    return sum(within) - 2 * np.mean((features @ reference.T / size + 1) ** 3)


def jackknife(distance, features, reference):
    """Return the standard error by leaving out each image in turn."""
    variance = 0.0
    for side, rows in enumerate((features, reference)):
        values = []
        for left_out in range(len(rows)):
            given = [features, reference]
            given[side] = np.delete(rows, left_out, axis=0)
            values.append(distance(*given))
        variance += (len(rows) - 1) * np.var(values)
    return np.sqrt(variance)


@pytest.mark.parametrize(("error", "distance"), [(frechet_error, fid_from_feats), (kid_error, kid)])
def test_errors_are_those_of_the_jackknife(error, distance):
    rng = np.random.default_rng(0)
    features, reference = rng.gamma(2, size=(40, 3)) + 1, rng.gamma(2, size=(30, 3))
    expected = jackknife(distance, features, reference)
    assert error(features, reference) == pytest.approx(expected, rel=0.15)
    assert error(reference, features) == pytest.approx(error(features, reference))


@pytest.mark.parametrize("error", [frechet_error, kid_error])
def test_errors_shrink_with_the_root_of_the_number_of_images(error):
    rng = np.random.default_rng(0)
    few, many = ([rng.normal(size=(n, 3)) + 1, rng.normal(size=(n, 3))] for n in (100, 1600))
    assert error(*few) / error(*many) == pytest.approx(4, rel=0.25)


def test_frechet_error_is_the_spread_of_repeated_draws_even_where_covariances_are_singular():
    """Issue 14.20b: 20 images on 64 features: no less than the spread, and of its size."""
    rng = np.random.default_rng(0)
    scale = 3 * np.exp(-np.arange(64) / 15)
    draws = [
        (rng.normal(size=(20, 64)) * scale + 0.3, rng.normal(size=(16, 64)) * scale)
        for _ in range(60)
    ]
    values = [singular_frechet(*each) for each in draws]
    errors = [frechet_error(*each) for each in draws]
    assert 0.8 < np.mean(errors) / np.std(values) < 1.8


def singular_frechet(features, reference):
    """The Frechet distance by eigenvalues, which singular covariances do not disturb."""
    one, other = (np.cov(each, rowvar=False) for each in (features, reference))
    roots = np.sqrt(np.clip(np.linalg.eigvals(one @ other).real, 0, None))
    shift = features.mean(axis=0) - reference.mean(axis=0)
    return shift @ shift + np.trace(one) + np.trace(other) - 2 * roots.sum()


def test_equal_images_have_no_spread():
    assert frechet_error(np.ones((5, 3)), np.zeros((4, 3))) == 0
    assert kid_error(np.ones((5, 3)), np.zeros((4, 3))) == 0
