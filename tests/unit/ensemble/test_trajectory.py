"""Members' estimates along the factual trajectory."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from encoded_ensembles.ensemble import diffusion, noise, sampling, trajectory
from encoded_ensembles.members import network

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def members():
    config = network.unet_config(
        shape=(1, 8, 8), widths=[8, 16], layers_per_block=1, attention=False
    )
    return [network.build_unet(config, seed=seed).eval() for seed in range(3)]


@pytest.mark.parametrize("sampler", ["ddpm", "ddim"])
def test_estimates_follow_the_factual_trajectory(members, sampler):
    """At the last level the mean estimate is the factual sample: no noise is left to remove."""
    z = noise.draw_noise(steps=6, samples=3, shape=(1, 8, 8), seed=1)
    options = {"noise": z, "sampler": sampler, "device": CPU}
    steps = list(trajectory.estimates(members, **options))
    assert [level for level, _ in steps] == diffusion.make_scheduler(steps=6).timesteps.tolist()
    factual = sampling.sample(members, keep=np.ones((1, 3), bool), **options)[0]
    single = list(trajectory.estimates(members[:1], **options))[-1][1]
    alone = sampling.sample(members[:1], keep=np.ones((1, 1), bool), **options)[0]
    assert np.allclose(single[0], alone, atol=1e-4)
    assert steps[-1][1].shape == (3, *factual.shape)
    assert abs(steps[-1][1]).max() <= 1


@pytest.mark.parametrize("bounded", [True, False])
def test_estimates_are_cut_off_where_images_are_bounded(members, bounded):
    """Issue 14.28: at high levels an untrained member's estimate lies far beyond."""
    z = noise.draw_noise(steps=4, samples=2, shape=(1, 8, 8), seed=1)
    space = SimpleNamespace(bounded=bounded)
    level, first = next(
        trajectory.estimates(members, noise=z, sampler="ddpm", device=CPU, space=space)
    )
    signal = diffusion.make_scheduler(steps=4).alphas_cumprod[level].item()
    for member, found in zip(members, first, strict=True):
        with torch.inference_mode():
            predicted = member(torch.from_numpy(z[0]), torch.tensor(level)).sample.numpy()
        plain = (z[0] - np.sqrt(1 - signal) * predicted) / np.sqrt(signal)
        assert np.abs(plain).max() > 5
        expected = np.clip(plain, -1, 1) if bounded else plain
        assert np.allclose(found, expected, atol=2e-3, rtol=1e-3)
