"""The denoising loss of single images."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from encoded_ensembles.ensemble import loss
from encoded_ensembles.members import network as unet
from encoded_ensembles.members.names import LEVELS


@pytest.fixture(scope="module")
def network():
    config = unet.unet_config(shape=(1, 8, 8), widths=[8], layers_per_block=1, attention=False)
    return unet.build_unet(config, seed=0).eval()


def test_losses_are_of_each_image_alone(network):
    """No loss depends on the other images or on the batch, and it is that of DDPM's noising."""
    images = np.random.default_rng(0).uniform(-1, 1, size=(20, 1, 8, 8)).astype(np.float32)
    whole = loss.denoising_losses(network, images, draws=4, seed=0)
    assert (loss.denoising_losses(network, images, draws=4, seed=0, batch=16) == whole).all()
    assert (loss.denoising_losses(network, images[:3], draws=4, seed=0) == whole[:3]).all()
    assert (loss.denoising_losses(network, images, draws=4, seed=1) != whole).all()


def test_a_network_that_knows_the_noise_has_no_loss():
    """At level t the noise is (x_t - sqrt(a) x) / sqrt(1 - a), which an oracle can say."""
    from diffusers import DDPMScheduler

    image = np.random.default_rng(0).uniform(-1, 1, size=(1, 1, 8, 8)).astype(np.float32)
    signal = DDPMScheduler(num_train_timesteps=LEVELS).alphas_cumprod

    class Oracle:
        device = torch.device("cpu")
        config = SimpleNamespace(num_class_embeds=None)

        def __call__(self, x, level):
            clean = torch.from_numpy(image)
            noise = (x - signal[level].sqrt() * clean) / (1 - signal[level]).sqrt()
            return type("Output", (), {"sample": noise})

    assert loss.denoising_losses(Oracle(), image, draws=5, seed=0) == pytest.approx([0], abs=1e-6)


def test_levels_of_the_loss_are_the_middles_of_equal_parts():
    """Issue 14.28: with four draws 125, 375, 625 and 875."""
    asked = []

    class Listener:
        device = torch.device("cpu")
        config = SimpleNamespace(num_class_embeds=None)

        def __call__(self, x, level):
            asked.append(int(level))
            return SimpleNamespace(sample=torch.zeros_like(x))

    image = np.zeros((3, 1, 8, 8), np.float32)
    found = loss.denoising_losses(Listener(), image, draws=4, seed=0)
    assert asked == [125, 375, 625, 875]
    assert found == pytest.approx(np.ones(3), abs=0.4)  # the variance of the noise
