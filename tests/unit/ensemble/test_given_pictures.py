"""Given pictures are noised by their own key, and estimated as members do."""

import numpy as np
import pytest
import torch
from encoded_ensembles.ensemble.given_pictures import given_estimates, spread_levels
from encoded_ensembles.members.network import build_unet, unet_config


def test_levels_are_spread_evenly():
    assert spread_levels(300) == [300, 270, 240, 210, 180, 150, 120, 90, 60, 30]
    assert spread_levels(300, count=3) == [300, 200, 100]
    assert spread_levels(2) == [2, 1, 0]


@pytest.fixture(scope="module")
def members():
    config = unet_config(shape=(1, 8, 8), widths=(8, 16), layers_per_block=1, attention=False)
    return [build_unet(config, seed=seed).eval() for seed in range(2)]


def estimates(members, pictures, keys, **options):
    chosen = {"levels": [200, 20], "draws": 2, "seed": 3, "device": torch.device("cpu")} | options
    classes = np.zeros(len(pictures), np.int64)
    return list(given_estimates(members, pictures, keys, classes=classes, **chosen))


def test_a_picture_alone_is_a_picture_among_others(members):
    pictures = np.random.default_rng(0).uniform(-1, 1, (3, 1, 8, 8)).astype(np.float32)
    together = estimates(members, pictures, [5, 6, 7])
    alone = estimates(members, pictures[1:2], [6])
    assert [level for level, _ in together] == [200, 20]
    for (_, one), (_, among) in zip(alone, together, strict=True):
        assert one.shape == (2, 1, 1, 8, 8)
        assert np.array_equal(one[:, 0], among[:, 1])
    assert not np.array_equal(
        estimates(members, pictures, [5, 8, 7])[0][1][:, 1], together[0][1][:, 1]
    )
    assert not np.array_equal(estimates(members, pictures, [5, 6, 7], seed=4)[0][1], together[0][1])


def test_draws_are_averaged(members):
    pictures = np.random.default_rng(1).uniform(-1, 1, (1, 1, 8, 8)).astype(np.float32)
    two = estimates(members, pictures, [5])[1][1]
    assert np.abs(two).max() <= 1
    one = estimates(members, pictures, [5], draws=1)[1][1]
    assert not np.array_equal(one, two)


def test_a_member_that_predicts_the_noise_gives_the_picture_back(monkeypatch):
    from encoded_ensembles.ensemble import diffusion, given_pictures

    pictures = np.random.default_rng(2).uniform(-1, 1, (2, 1, 8, 8)).astype(np.float32)
    alphas = diffusion.make_scheduler(steps=1).alphas_cumprod

    def exact(member, x, level, *, numbers, batch):
        signal = alphas[int(level)]
        shown = torch.from_numpy(pictures).repeat(len(x) // len(pictures), 1, 1, 1)
        return (x - signal.sqrt() * shown) / (1 - signal).sqrt()

    monkeypatch.setattr(given_pictures, "predict", exact)
    for _, found in estimates([None, None], pictures, [1, 2]):
        assert np.allclose(found, pictures, atol=1e-4)
