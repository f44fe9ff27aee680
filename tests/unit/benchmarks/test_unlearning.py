"""Attribution by unlearning: what it does to first order, and to the sample itself."""

import importlib

import numpy as np
import pytest
import torch
from workspace import REPOSITORY

LEVELS, WHERE = np.array([100, 600]), {"seed": 3, "device": torch.device("cpu")}


@pytest.fixture
def unlearning(monkeypatch):
    monkeypatch.syspath_prepend(REPOSITORY / "studies")
    return importlib.import_module("unlearning")


@pytest.fixture
def pictures():
    rng = np.random.default_rng(0)
    return [rng.uniform(-1, 1, (n, 1, 8, 8)).astype(np.float32) for n in (6, 2)]


def test_a_small_step_is_an_inner_product_weighed_by_the_fisher_information(
    unlearning, model, pictures
):
    images, samples = pictures

    def gradients(pictures):
        found = [[] for _ in pictures]
        for rows, each in unlearning.gradients(model, pictures, LEVELS, **WHERE):
            for of_picture, gradient in zip(found[rows], each, strict=True):
                of_picture.append(gradient)
        return torch.stack([torch.stack(each) for each in found])  # (N, K, P)

    by_image, by_sample = gradients(images).mean(dim=1), gradients(samples).mean(dim=1)
    fisher = gradients(images).square().mean(dim=(0, 1))
    weight = 1 / (fisher + unlearning.DAMPING * fisher.mean())
    own = unlearning.losses(model, samples, LEVELS, **WHERE)
    expected = (by_image * weight) @ by_sample.T / ((by_sample * weight) * by_sample).sum(dim=1)
    expected = expected.double().numpy() * own * 0.01
    found = unlearning.unlearn(model, images, samples, LEVELS, rise=0.01, **WHERE)
    assert np.allclose(found, expected, rtol=0.1, atol=0.02 * abs(expected).max())


def test_the_sample_itself_is_unlearned_by_as_much_as_asked(unlearning, model, pictures):
    images, samples = pictures
    own = unlearning.losses(model, samples, LEVELS, **WHERE)
    found = unlearning.unlearn(
        model, np.concatenate([images, samples]), samples, LEVELS, rise=0.02, **WHERE
    )[len(images) :]
    assert np.allclose(np.diag(found), 0.02 * own, rtol=0.1)


def test_losses_do_not_depend_on_the_other_pictures(unlearning, model, pictures, monkeypatch):
    whole = unlearning.losses(model, pictures[0], LEVELS, **WHERE)
    monkeypatch.setattr(unlearning, "ROWS", 4)
    assert np.allclose(unlearning.losses(model, pictures[0], LEVELS, **WHERE), whole, rtol=1e-5)
    alone = unlearning.losses(model, pictures[0][2:3], LEVELS, **WHERE)
    assert alone == pytest.approx(whole[2:3], rel=1e-5)
