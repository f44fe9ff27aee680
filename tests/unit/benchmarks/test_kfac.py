"""EK-FAC as the program uses it: with damping that outweighs the curvature, inner products of gradients are left."""

import importlib

import numpy as np
import pytest
import torch
from workspace import REPOSITORY

pytest.importorskip("kronfluence")


@pytest.fixture
def kfac(monkeypatch):
    monkeypatch.syspath_prepend(REPOSITORY / "studies")
    return importlib.import_module("kfac")


def gradients(model, pictures):
    """The gradient of each picture at each level in the weights of layers that EK-FAC knows."""
    known = (torch.nn.Linear, torch.nn.Conv2d)
    weights = [p for m in model.modules() if isinstance(m, known) for p in m.parameters()]
    rows = []
    for noisy, noise, level in pictures:
        loss = (model(noisy[None], level[None]).sample[0] - noise).square().sum() / 2
        rows.append(torch.cat([each.flatten() for each in torch.autograd.grad(loss, weights)]))
    return torch.stack(rows).double().numpy()


def test_influence_is_paired_and_averaged_as_stated(kfac, model, tmp_path):
    rng = np.random.default_rng(0)
    levels = np.array([100, 600])
    images, samples = (
        kfac.Noised(rng.uniform(-1, 1, (n, 1, 8, 8)).astype(np.float32), levels, seed=3)
        for n in (5, 3)
    )
    by_image, by_sample = (gradients(model, each) for each in (images, samples))
    expected = (by_image @ by_sample.T).reshape(5, 2, 3, 2).mean(axis=(1, 3))
    found = kfac.influence(
        model, images, samples, device=torch.device("cpu"), folder=str(tmp_path), damping=1e12
    )
    assert found.shape == (5, 3)
    assert np.allclose(found * 1e12, expected, rtol=1e-3, atol=1e-3 * abs(expected).max())


def test_all_pictures_have_the_same_noise_at_a_level(kfac):
    pictures = kfac.Noised(np.zeros((3, 1, 4, 4), np.float32), np.array([0, 900]), seed=1)
    assert len(pictures) == 6
    for number in range(6):
        noisy, noise, level = pictures[number]
        assert level == [0, 900][number % 2]
        assert torch.equal(noise, pictures[number % 2][1])
        signal = np.prod(1 - np.linspace(1e-4, 0.02, 1000)[: int(level) + 1])
        assert torch.allclose(noisy, noise * (1 - signal) ** 0.5, atol=1e-4)
