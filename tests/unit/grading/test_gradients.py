"""Gradients of single images: against autograd, and projected."""

import numpy as np
import pytest
import torch
from encoded_ensembles.grading import gradients
from encoded_ensembles.members import load
from encoded_ensembles.members import network as unet
from small_adapters import CPU, IMAGES, write_folder


def network(*, attention=False, seed=0):
    config = unet.unet_config(
        shape=(1, 8, 8), widths=[8, 16], layers_per_block=1, attention=attention
    )
    return unet.build_unet(config, seed=seed).eval()


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


def test_a_journeys_steps_are_each_noised_at_their_own_level(pictures):
    """As in the published code of Journey-TRAK: an estimate at step t gets noise of level t."""
    _, samples, names = pictures
    at = {"journey": np.stack([samples, samples[::-1]]), "journey_levels": [700, 40]}
    found = of(network(), pictures, **at, common=True)
    alone = of(network(), pictures, common=True)
    assert {name for name in found if name not in alone} == {"journey.samples"}
    for name, each in alone.items():
        assert np.array_equal(each, found[name])
    steps = [
        of(network(), (step, step, names), levels=np.array([level]), common=True)["loss.samples"]
        for step, level in zip(at["journey"], at["journey_levels"], strict=True)
    ]
    expected = np.mean(steps, axis=0)
    assert np.allclose(found["journey.samples"], expected, atol=1e-5 * abs(expected).max())
    swapped = of(network(), pictures, **at | {"journey_levels": [40, 700]}, common=True)
    assert not np.allclose(found["journey.samples"], swapped["journey.samples"], rtol=0.01)


def test_levels_are_evenly_spread():
    assert gradients.spread_levels(4).tolist() == [0, 250, 500, 750]
    assert gradients.spread_levels(1000).tolist() == list(range(1000))


def test_renormalised_products_by_hand():
    images = torch.tensor([[3.0, 4.0], [0.0, 2.0], [0.0, 0.0]])
    found = gradients.renormalised_products(images, torch.tensor([[5.0, 0.0], [1.0, 1.0]]))
    assert torch.allclose(found, torch.tensor([[3.0, 1.4], [0.0, 1.0], [0.0, 0.0]]))


def test_each_level_and_each_image_has_noise_of_its_own():
    """Issue 14.28: the same noise at every level would not average out."""
    options = {"shape": (1, 4, 4), "seed": 0}
    first, other = (gradients.level_noise(["a", "b"], level=level, **options) for level in (0, 100))
    for one, two in ((first, other), (first[:1], first[1:])):
        assert not np.isin(one, two).any()
    assert np.array_equal(gradients.level_noise(["b"], level=0, **options), first[1:])
    seeded = gradients.level_noise(["a", "b"], level=0, shape=(1, 4, 4), seed=1)
    assert not np.isin(seeded, first).any()


def test_gradients_are_of_the_adapter(tmp_path):
    folder = write_folder(tmp_path)
    network = load.load_unet(folder / "members/00", device=CPU)
    names = list(unet.trained_weights(network))
    assert all(name.endswith(("down", "up")) for name in names)
    x = torch.from_numpy(IMAGES).permute(0, 3, 1, 2).float() / 255
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    loss, _ = gradients.image_gradients(network, x, noise, 40)
    network.requires_grad_(True)
    own = ((network(x[:1], 40).sample - noise[:1]) ** 2).mean()
    expected = torch.autograd.grad(own, list(unet.trained_weights(network).values()))
    assert torch.allclose(loss[0], torch.cat([each.flatten() for each in expected]), atol=1e-5)
