"""Rival methods: gradients against autograd, scores against closed forms and numbers by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from encoded_ensembles.data import likeness
from encoded_ensembles.grading import gradients, rivals
from encoded_ensembles.members import network as unet
from torch import nn

CPU = torch.device("cpu")


def network(*, attention=False, seed=0):
    config = unet.unet_config(
        shape=(1, 8, 8), widths=[8, 16], layers_per_block=1, attention=attention
    )
    return unet.build_unet(config, seed=seed).eval()


class Linear(nn.Module):
    """Predicts noise as a weight times each pixel: gradients are known in closed form."""

    def __init__(self, weights):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weights, dtype=torch.float32))

    def forward(self, x, level):
        return SimpleNamespace(sample=x * self.weight.view(1, 1, 1, -1))


@pytest.mark.parametrize("attention", [False, True])
def test_gradients_of_a_batch_are_those_of_its_images_one_by_one(attention):
    model = network(attention=attention)
    noisy, noise = torch.randn(2, 18, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    loss, norm = gradients.image_gradients(model, noisy, noise, 300)
    for row in (0, 15, 17):
        output = model(noisy[row : row + 1], torch.tensor(300)).sample
        target = noise[row : row + 1]
        for found, value in ((loss, (output - target) ** 2), (norm, output**2)):
            each = torch.autograd.grad(value.mean(), model.parameters(), retain_graph=True)
            expected = torch.cat([part.flatten() for part in each])
            assert torch.allclose(found[row], expected, atol=1e-5 * float(expected.abs().max()))


def test_gradients_are_taken_with_the_label_told():
    config = unet.unet_config(
        shape=(1, 8, 8), widths=[8], layers_per_block=1, attention=False, classes=3
    )
    model = unet.build_unet(config, seed=0).eval()
    noisy, noise = torch.randn(2, 4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 2, 1, 2])
    loss, _ = gradients.image_gradients(model, noisy, noise, 300, labels)
    for row in (1, 2):
        when, label = torch.tensor(300), labels[row : row + 1]
        output = model(noisy[row : row + 1], when, class_labels=label).sample
        value = ((output - noise[row : row + 1]) ** 2).mean()
        each = torch.autograd.grad(value, model.parameters())
        expected = torch.cat([part.flatten() for part in each])
        assert torch.allclose(loss[row], expected, atol=1e-5 * float(expected.abs().max()))


def test_gradients_of_an_image_do_not_depend_on_the_others():
    model = network()
    noisy, noise = torch.randn(2, 20, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    together = gradients.image_gradients(model, noisy, noise, 10)
    alone = gradients.image_gradients(model, noisy[:3], noise[:3], 10)
    for ours, theirs in zip(together, alone, strict=True):
        assert torch.allclose(ours[:3], theirs, atol=1e-6 * float(theirs.abs().max()))


def test_projection_by_tiles_is_the_product_with_the_whole_matrix():
    rows = torch.randn(3, 2500, generator=torch.Generator().manual_seed(0))
    whole = np.concatenate([gradients.signs(tile, dimensions=40, seed=7) for tile in range(3)])
    assert set(np.unique(whole)) == {-1, 1}
    assert not np.array_equal(whole[: gradients.TILE], whole[gradients.TILE : 2 * gradients.TILE])
    found = gradients.project(rows, dimensions=40, seed=7)
    expected = rows.numpy() @ whole[:2500] / np.sqrt(40)
    assert np.allclose(found, expected, atol=1e-4)
    assert not torch.equal(found, gradients.project(rows, dimensions=40, seed=8))


def test_projection_keeps_inner_products():
    rows = torch.randn(4, 3000, generator=torch.Generator().manual_seed(0))
    rows[1] += rows[0]
    small = gradients.project(rows, dimensions=4096, seed=0)
    # A product is off by at most sqrt(2) |x| |y| / sqrt(k) (standard deviation); five of these.
    length = rows.norm(dim=1)
    bound = 5 * np.sqrt(2 / 4096) * torch.outer(length, length)
    assert ((small @ small.T - rows @ rows.T).abs() <= bound).all()


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    images, samples = rng.uniform(-1, 1, size=(40, 1, 8, 8)), rng.uniform(-1, 1, size=(3, 1, 8, 8))
    return images.astype(np.float32), samples.astype(np.float32), [f"i{n}" for n in range(40)]


def of(model, pictures, **options):
    defaults = {"levels": np.array([0, 500]), "dimensions": 32, "seed": 1, "device": CPU}
    return gradients.network_gradients(model, *pictures, **defaults | options)


def test_how_much_is_held_at_once_changes_nothing_and_the_same_seed_gives_the_same_bytes(pictures):
    model = network()
    whole = of(model, pictures)
    assert {name: each.shape for name, each in whole.items()} == {
        "loss.images": (40, 32), "loss.samples": (3, 32), "norm.images": (40, 32),
        "norm.samples": (3, 32), "retrac": (40, 3),
    }  # fmt: skip
    again, parts, other = (
        of(model, pictures),
        of(model, pictures, held=1),
        of(model, pictures, seed=2),
    )
    for name, each in whole.items():
        assert each.dtype == np.float32
        assert each.tobytes() == again[name].tobytes()
        assert np.allclose(each, parts[name], rtol=1e-4, atol=1e-4 * abs(each).max())
        assert not np.allclose(each, other[name])


def test_an_images_gradients_follow_from_its_name(pictures):
    images, samples, names = pictures
    model = network()
    whole = of(model, pictures)
    turned = of(model, (images[::-1].copy(), samples, names[::-1]))
    for name in ("loss.images", "norm.images", "retrac"):
        assert np.allclose(whole[name], turned[name][::-1], atol=1e-4 * abs(whole[name]).max())


def test_with_common_noise_a_sample_has_the_gradients_of_the_image_it_equals(pictures):
    images, _, names = pictures
    for common in (False, True):
        found = of(network(), (images, images[:3], names), common=common)
        for kind in ("loss", "norm"):
            ours, theirs = found[f"{kind}.images"][:3], found[f"{kind}.samples"]
            assert np.allclose(ours, theirs, atol=1e-4 * abs(ours).max()) == common


def test_levels_are_evenly_spread():
    assert gradients.spread_levels(4).tolist() == [0, 250, 500, 750]
    assert gradients.spread_levels(1000).tolist() == list(range(1000))


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


def test_renormalised_products_by_hand():
    images = torch.tensor([[3.0, 4.0], [0.0, 2.0], [0.0, 0.0]])
    found = gradients.renormalised_products(images, torch.tensor([[5.0, 0.0], [1.0, 1.0]]))
    assert torch.allclose(found, torch.tensor([[3.0, 1.4], [0.0, 1.0], [0.0, 0.0]]))


def test_unit_means_by_hand():
    scores = np.array([[[1.0], [2.0], [6.0], [4.0]]])
    assert rivals.unit_means(scores, np.array([1, 0, 1, 1])).tolist() == [[[2.0], [11 / 3]]]


def test_nearest_by_hand():
    images = np.array([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]])
    scores = likeness.nearest_scores(
        np.array([[0.0, 0.0], [6.0, 0.0]]), images, np.array([1, 0, 1])
    )
    assert scores.tolist() == [[-5.0, -5.0], [0.0, -6.0]]


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
    assert len(scores) == 9
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


def test_each_level_and_each_image_has_noise_of_its_own():
    """Issue 14.28: the same noise at every level would not average out."""
    options = {"shape": (1, 4, 4), "seed": 0}
    first, other = (gradients.level_noise(["a", "b"], level=level, **options) for level in (0, 100))
    for one, two in ((first, other), (first[:1], first[1:])):
        assert not np.isin(one, two).any()
    assert np.array_equal(gradients.level_noise(["b"], level=0, **options), first[1:])
    seeded = gradients.level_noise(["a", "b"], level=0, shape=(1, 4, 4), seed=1)
    assert not np.isin(seeded, first).any()
