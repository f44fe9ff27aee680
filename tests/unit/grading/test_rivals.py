"""Rival methods: scores against closed forms and numbers by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from encoded_ensembles.grading import gradients, rivals
from torch import nn

CPU = torch.device("cpu")


class Linear(nn.Module):
    """Predicts noise as a weight times each pixel: gradients are known in closed form."""

    def __init__(self, weights):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weights, dtype=torch.float32))

    def forward(self, x, level):
        return SimpleNamespace(sample=x * self.weight.view(1, 1, 1, -1))


def closed_form(x, names, weights, *, level, seed):
    """Gradients of the linear network for images (b, H, W): loss and squared output, each (b, W)."""
    signal = np.prod(1 - np.linspace(1e-4, 0.02, 1000)[: level + 1])
    z = gradients.level_noise(names, level=level, shape=x.shape[1:], seed=seed).astype(np.float64)
    noisy = np.sqrt(signal) * x + np.sqrt(1 - signal) * z
    scale = 2 / x[0].size
    loss = (scale * noisy * (noisy * weights - z)).sum(axis=1)
    return loss, (scale * noisy * noisy * weights).sum(axis=1)


def test_trak_d_trak_and_retrac_of_a_linear_network_in_closed_form():
    """Noise prediction w*x: the gradients are quadratic in x, and NumPy solves the rest."""
    rng = np.random.default_rng(3)
    x = rng.uniform(-1, 1, size=(12, 1, 4, 5)).astype(np.float32)
    images, samples, levels = x[:10], x[10:], np.array([9, 400])
    weights = np.array([0.9, -0.4, 0.2, 0.5, 0.1])
    found = gradients.network_gradients(
        Linear(weights), images, samples, list("abcdefghij"),
        levels=levels, dimensions=64, seed=4, device=CPU,
    )  # fmt: skip
    names = [*(f"image {name}" for name in "abcdefghij"), "sample 0", "sample 1"]
    each = [closed_form(x[:, 0], names, weights, level=level, seed=4) for level in levels]
    signs = gradients.signs(0, dimensions=64, seed=4)[:5] / 8
    unit_of = np.array([0, 1, 2, 3, 4, 4, 0, 1, 2, 3])
    scores = rivals.network_scores(found, unit_of, damping=np.array([0.1, 2.0]))
    for kind, name in enumerate(["trak", "d-trak"]):
        projected = (each[0][kind] + each[1][kind]) / 2 @ signs
        phi, query = projected[:10], projected[10:]
        for row, damping in enumerate([0.1, 2.0]):
            kernel = phi.T @ phi
            kernel += damping * np.mean(np.diag(kernel)) * np.eye(64)
            expected = np.eye(5)[unit_of].T @ phi @ np.linalg.inv(kernel) @ query.T / 2
            assert np.allclose(scores[name][row], expected, atol=1e-4 * abs(expected).max())
    expected = sum(
        loss[:10] / np.linalg.norm(loss[:10], axis=1, keepdims=True) @ loss[10:].T
        for loss, _ in each
    )
    assert np.allclose(found["retrac"], expected, atol=1e-5)


def test_kernel_scores_by_hand():
    """Two images along the axes: kernel diag(4, 1), mean diagonal 2.5, so lambda is 2.5 at 1."""
    scores = rivals.kernel_scores(
        np.array([[2.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 1.0]]), damping=np.array([1.0])
    )
    assert np.allclose(scores, [[[2 / 6.5], [1 / 3.5]]])


def test_unit_means_by_hand():
    scores = np.array([[[1.0], [2.0], [6.0], [4.0]]])
    assert rivals.unit_means(scores, np.array([1, 0, 1, 1])).tolist() == [[[2.0], [11 / 3]]]


def test_random_scores_follow_from_seed_and_name():
    first = rivals.random_scores(["a", "b"], samples=4, seed=0)
    assert np.array_equal(first[::-1, :2], rivals.random_scores(["b", "a"], samples=2, seed=0))
    assert not np.array_equal(first, rivals.random_scores(["a", "b"], samples=4, seed=1))


def test_the_mean_over_members_is_the_mean_of_each_members_own_scores():
    rng = np.random.default_rng(0)
    networks = [
        {f"{kind}.{what}": rng.normal(size=(rows, 4)) for kind in ("loss", "norm")
         for what, rows in (("images", 6), ("samples", 2))} | {"retrac": rng.normal(size=(6, 2))}
        for _ in range(4)
    ]  # fmt: skip
    unit_of, damping = np.array([0, 0, 1, 2, 2, 2]), np.array([0.1, 1.0, 10.0])
    scores = rivals.gradient_scores(networks[0], networks[1:], unit_of, damping=damping)
    each = [rivals.network_scores(one, unit_of, damping=damping) for one in networks]
    assert len(scores) == 18
    sizes = np.array([2, 1, 3])[:, None]
    for name in ("trak", "d-trak", "retrac"):
        assert np.allclose(scores[f"{name}-sum.mean"], scores[f"{name}.mean"] * sizes)
    alone = rivals.gradient_scores(networks[0], networks[1:], np.arange(6), damping=damping)
    assert set(alone) == {name for name in scores if "-sum" not in name}
    for name, shape in (("trak", (3, 3, 2)), ("d-trak", (3, 3, 2)), ("retrac", (3, 2))):
        assert scores[f"{name}.full"].shape == shape
        assert np.array_equal(scores[f"{name}.full"], each[0][name])
        assert np.array_equal(scores[f"{name}.one"], each[1][name])
        assert np.allclose(scores[f"{name}.mean"], sum(one[name] for one in each[1:]) / 3)


def test_cost_by_hand():
    """Three passes' worth for each of 5 pictures at 10 levels, in each network used."""
    cost = rivals.member_evaluations(
        ["pixels", "trak.full", "retrac.mean"], pictures=5, levels=10, members=4
    )
    assert cost == {"pixels": 0, "trak.full": 150, "retrac.mean": 600}
    # Of 5 pictures 2 are samples; these have 3 steps of one level each in place of 10 levels.
    name, less = "journey-trak.full", 2 * (3 - 10)
    assert rivals.member_evaluations([name], pictures=5, levels=10, members=4, journey=less) == {
        name: 3 * (3 * 10 + 2 * 3)
    }


def test_degraded_scores_go_from_the_method_to_chance():
    rng = np.random.default_rng(0)
    # So many units that 0.1 is six standard errors of a correlation: any draw will do.
    scores, names = rng.normal(size=(4000, 6)) * 7 + 3, [f"u{u}" for u in range(4000)]
    same, half, none = rivals.degraded_scores(scores, names, shares=[0, 0.5, 1], seed=3)
    assert np.allclose(same, (scores - scores.mean(axis=0)) / scores.std(axis=0))
    corr = [np.corrcoef(each[:, 0], scores[:, 0])[0, 1] for each in (same, half, none)]
    assert corr == pytest.approx([1, np.sqrt(0.5), 0], abs=0.1)
    assert np.allclose(half, (same + none) / np.sqrt(2))
    chance = rivals.random_scores(names, samples=6, seed=3)
    assert abs(np.corrcoef(chance[:, 0], none[:, 0])[0, 1]) < 0.1
