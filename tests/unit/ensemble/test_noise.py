"""Exogenous noise follows from the seed and the number of the sample."""

import numpy as np
import pytest
from encoded_ensembles.ensemble import noise
from encoded_ensembles.members import network
from encoded_ensembles.storage.files import InputError


def test_each_seed_has_noise_of_its_own():
    """Issue 14.28: sampling.seed decides."""
    options = {"steps": 2, "samples": 3, "shape": (1, 4, 4)}
    first, other = (noise.draw_noise(seed=seed, **options) for seed in (0, 1))
    assert first.dtype == np.float32
    assert np.array_equal(first, noise.draw_noise(seed=0, **options))
    assert (first != other).mean() > 0.99
    assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 0.4


def test_more_steps_leave_the_start_of_each_sample():
    short, long = (
        noise.draw_noise(steps=steps, samples=2, shape=(1, 4, 4), seed=0) for steps in (2, 5)
    )
    assert np.array_equal(short, long[:3])


def test_noise_of_another_shape_is_refused():
    config = network.unet_config(shape=(1, 8, 8), widths=[8], layers_per_block=1, attention=False)
    member = network.build_unet(config, seed=0)
    noise.check_noise(np.zeros((3, 2, 1, 8, 8)), member)
    with pytest.raises(InputError, match=r"the noise is for \(3, 8, 8\).*expected \(1, 8, 8\)"):
        noise.check_noise(np.zeros((3, 2, 3, 8, 8)), member)
