"""First-order influence equals what small changes of a weight do."""

import numpy as np
import pytest
import torch
from encoded_ensembles.ensemble import noise
from encoded_ensembles.ensemble.diffusion import make_scheduler, take_step
from encoded_ensembles.ensemble.first_order import derivatives
from encoded_ensembles.members import network


@pytest.mark.parametrize(
    ("sampler", "classes"),
    [("ddpm", None), ("ddim", None), ("dpmsolver++", None), ("ddpm-archive", None), ("ddpm", 2)],
)
def test_derivatives_are_limits_of_differences(sampler, classes):
    """Also of members that are told labels, those of samples in turn."""
    config = network.unet_config(
        shape=(1, 8, 8), widths=[8, 16], layers_per_block=1, attention=False, classes=classes
    )
    labels = torch.tensor([0, 1]) if classes else None
    members = [
        network.build_unet(config, seed=m).eval().double().requires_grad_(False) for m in range(3)
    ]
    z = noise.draw_noise(steps=4, samples=2, shape=(1, 8, 8), seed=0).astype(np.float64)

    def sample(weights):
        scheduler, x = make_scheduler(steps=4, sampler=sampler), torch.from_numpy(z[0])
        for k, level in enumerate(scheduler.timesteps, start=1):
            each = [
                w * member(x, level, class_labels=labels).sample
                for w, member in zip(weights, members, strict=True)
            ]
            mean = sum(each) / sum(weights)
            x = take_step(scheduler, mean, level, x, torch.from_numpy(z[k]), sampler=sampler)
        return x.numpy()

    found = derivatives(members, noise=z, sampler=sampler, device=torch.device("cpu"))
    small = 1e-5
    for m in range(3):
        change = small * np.eye(3)[m]
        difference = (sample(1 + change) - sample(1 - change)) / (2 * small)
        assert np.allclose(found[m], difference, atol=1e-4 * np.abs(difference).max())
    assert np.abs(found).max() > 0
    assert np.allclose(found.sum(axis=0), 0, atol=1e-6)  # scaling all weights changes nothing
