"""Distances of features and networks: by hand, with stand-in networks, and without any."""

import sys
from types import ModuleType

import numpy as np
import pytest
import torch
from encoded_ensembles.data import likeness
from encoded_ensembles.data.images import to_signed
from encoded_ensembles.features import perceptual
from encoded_ensembles.storage.files import InputError
from safetensors.torch import save_model

CPU = torch.device("cpu")
FACTUAL, MOVED = np.random.default_rng(0).uniform(-1, 1, (2, 70, 1, 8, 8)).astype(np.float32)
PACKAGES = {"lpips": "lpips", "openclip": "open_clip", "dinov2": "timm"}


class Embedding(torch.nn.Module):
    """The mean of each colour, weighed; the interface of CLIP and of timm's transformers."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.rand(3))

    def forward(self, images):
        assert images.shape[1:] == (3, 224, 224)
        return images.mean(dim=(2, 3)) * self.scale

    encode_image = forward


class Pair(Embedding):
    """The interface of LPIPS."""

    def forward(self, a, b):
        assert a.shape[1:] == (3, 64, 64)
        return ((a - b) ** 2 * self.scale[:, None, None]).mean(dim=(1, 2, 3), keepdim=True)


@pytest.fixture
def packages(monkeypatch):
    """Stand-ins for the packages of the networks."""
    for name in PACKAGES.values():
        module = ModuleType(name)
        module.LPIPS = lambda **_: Pair()
        module.create_model = lambda *_, **__: Embedding()
        monkeypatch.setitem(sys.modules, name, module)


def test_feature_distance_by_hand():
    features = lambda images: images.reshape(len(images), -1)[:, :2]  # noqa: E731
    measure = perceptual.feature_distance(features, np.zeros((1, 1, 2, 2)))
    assert measure(np.array([[[[3.0, 4.0], [9.0, 9.0]]]])).tolist() == [5.0]


@pytest.mark.parametrize("name", PACKAGES)
def test_a_network_that_is_given_is_used(name, packages, tmp_path):
    model, file = Pair() if name == "lpips" else Embedding(), tmp_path / "w.safetensors"
    save_model(model, str(file))
    measure = perceptual.network_distance(name, weights=file, factual=FACTUAL, device=CPU)
    found = measure(MOVED)
    assert np.allclose(measure(FACTUAL), 0, atol=1e-6)
    assert found.shape == (70,)
    assert (found > 0).all()
    _, compare = perceptual.NETWORKS[name][1](sys.modules[PACKAGES[name]])  # other weights
    with torch.inference_mode():
        assert not np.allclose(found, compare(torch.from_numpy(FACTUAL), torch.from_numpy(MOVED)))
        if name == "lpips":
            sides = [perceptual.resize(torch.from_numpy(x), 64) for x in (FACTUAL, MOVED)]
            assert np.allclose(found, model(*sides).flatten(), atol=1e-6)


@pytest.mark.parametrize("name", PACKAGES)
def test_what_a_network_lacks_is_named(name, packages, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "w.safetensors"
    options = {"weights": file, "factual": FACTUAL, "device": CPU}
    with pytest.raises(InputError, match=rf"{name} are expected in .*influence.weights.{name}"):
        perceptual.weight_file(name, str(file))
    with pytest.raises(InputError, match=rf"expected in resources/{name}.safetensors"):
        perceptual.weight_file(name, None)
    save_model(torch.nn.Linear(2, 2), str(file))
    assert perceptual.weight_file(name, str(file)) == file
    with pytest.raises(InputError, match=f"does not hold the weights of {name}"):
        perceptual.network_distance(name, **options)
    file.write_bytes(b"<html>")
    with pytest.raises(InputError, match=f"does not hold the weights of {name}"):
        perceptual.network_distance(name, **options)
    monkeypatch.setitem(sys.modules, PACKAGES[name], None)
    with pytest.raises(InputError, match=f"needs the Python package {PACKAGES[name]} .*install it"):
        perceptual.network_distance(name, **options)


def test_networks_see_colours_as_they_were_trained_on():
    """Issue 14.28: from [-1, 1] to [0, 1], then less the mean and over the spread of each colour."""
    seen = []

    def embed(images):
        seen.append(images)
        return images.mean(dim=(2, 3))

    colours = ((0.5, 0.25, 0.0), (0.5, 1.0, 2.0))
    grey = torch.ones(1, 1, 8, 8)
    found = perceptual.angle(embed, grey, torch.zeros(1, 1, 8, 8), colours)
    assert [each.shape for each in seen] == [(1, 3, 224, 224)] * 2
    assert torch.allclose(seen[0][0, :, 100, 100], torch.tensor([1.0, 0.75, 0.5]), atol=1e-5)
    assert torch.allclose(seen[1][0, :, 100, 100], torch.tensor([0.0, 0.25, 0.25]), atol=1e-5)
    one, other = np.array([1, 0.75, 0.5]), np.array([0, 0.25, 0.25])
    cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    assert found.item() == pytest.approx(1 - cosine, abs=1e-5)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """The weights of the real package."""
    file = tmp_path_factory.mktemp("weights") / "deep/stlpips.safetensors"
    perceptual.take_weights(file)
    return file


def test_weights_are_written_to_the_same_bytes_under_a_seal(weights, tmp_path):
    perceptual.take_weights(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == weights.read_bytes()
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(weights.read_bytes()[:-4] + bytes(4))
    with pytest.raises(InputError, match="is damaged"):
        perceptual.embedding(damaged, device=CPU)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 80, 72)])
def test_squared_distances_of_points_are_shift_tolerant_lpips(weights, shape):
    a, b = np.random.default_rng(1).uniform(-1, 1, (2, 66, *shape)).astype(np.float32)
    see = perceptual.embedding(weights, device=CPU)
    of_points = np.square(see(a) - see(b)).sum(axis=1)
    measure = perceptual.network_distance("stlpips", weights=weights, factual=a, device=CPU)
    assert np.allclose(measure(b), of_points, rtol=1e-4)
    assert np.allclose(see(a[[3]]), see(a)[[3]], atol=1e-6)  # alone as among others
    package = perceptual.import_module("stlpips_pytorch.stlpips")
    plain = package.LPIPS(net="alex", variant="shift_tolerant", verbose=False)  # its own weights
    sides = (perceptual.resize(torch.from_numpy(x[:4]), max(64, *shape[1:])) for x in (a, b))
    assert np.allclose(measure(b)[:4], plain(*sides).detach().flatten(), rtol=1e-4)


def test_images_are_ordered_by_the_distance_of_their_points(weights, monkeypatch):
    """By units, and in blocks of any size; not as by pixels."""
    rng = np.random.default_rng(2)
    images = rng.integers(0, 256, (9, 8, 8, 1)).astype(np.uint8)
    samples = to_signed(rng.integers(0, 256, (3, 8, 8, 1)).astype(np.uint8))
    unit_of = np.array([0, 1, 1, 2, 3, 0, 2, 3, 3])
    see = perceptual.embedding(weights, device=CPU)
    points, own = see(to_signed(images)), see(samples)
    apart = np.linalg.norm(points[None] - own[:, None], axis=2)
    nearest = np.stack([apart[:, unit_of == unit].min(axis=1) for unit in range(4)])
    found = likeness.image_scores(samples, images, unit_of, see)
    assert np.allclose(-found, nearest, rtol=1e-4)
    order = likeness.nearest_units(samples, images, unit_of, see)
    assert np.array_equal(order, np.argsort(nearest, axis=0).T)
    assert not np.array_equal(order, likeness.nearest_units(samples, images, unit_of))
    monkeypatch.setattr(likeness, "HELD", 1)
    assert np.allclose(likeness.image_scores(samples, images, unit_of, see), found, rtol=1e-5)


def test_only_the_packages_own_weights_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(perceptual, "PACKAGED_SHA256", "0" * 64)
    with pytest.raises(InputError, match=r"expected 0000.*install this version again"):
        perceptual.take_weights(tmp_path / "w.safetensors")
    monkeypatch.setitem(sys.modules, "stlpips_pytorch.stlpips", None)
    with pytest.raises(
        InputError, match=r"needs .* stlpips_pytorch.*encoded-ensembles\[perceptual\]"
    ):
        perceptual.take_weights(tmp_path / "w.safetensors")
    assert not list(tmp_path.iterdir())
