"""Frechet distances: hand-computed values, features, and agreement with clean-fid's own path."""

import numpy as np
import pytest
import torch
from encoded_ensembles import data, frechet
from encoded_ensembles.files import InputError
from PIL import Image

CPU = torch.device("cpu")


def image_set(count, classes=2, seed=0):
    """Images whose label can be seen: class 1 is brighter."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    images = rng.integers(0, 100, (count, 8, 8, 1)) + 120 * labels[:, None, None, None]
    names = np.array([f"x/{i}" for i in range(count)])
    label_names = np.array([str(i) for i in range(classes)])
    return data.ImageSet(images.astype(np.uint8), labels, label_names, names)


def test_frechet_of_shifted_features_is_the_squared_shift():
    features = np.random.default_rng(0).normal(size=(300, 4))
    shift = np.array([3.0, 0, 4, 0])
    assert frechet.score(features + shift, features).frechet == pytest.approx(25, abs=1e-6)
    assert frechet.score(features, features).frechet == pytest.approx(0, abs=1e-6)


def test_frechet_of_scaled_features():
    """Same mean, covariance 4 S instead of S: trace(S + 4S - 2 * 2S) = trace(S)."""
    features = np.random.default_rng(0).normal(size=(300, 3))
    features -= features.mean(axis=0)
    expected = np.trace(np.cov(features, rowvar=False))
    assert frechet.score(2 * features, features).frechet == pytest.approx(expected, rel=1e-6)


def test_kid_repeats_and_leaves_the_global_generator_alone():
    a, b = np.random.default_rng(0).normal(size=(2, 50, 4))
    np.random.seed(3)
    before = np.random.get_state()[1].copy()
    assert frechet.score(a, b) == frechet.score(a, b)
    assert np.array_equal(before, np.random.get_state()[1])
    assert frechet.score(a + 2, b).kid > frechet.score(a, b).kid


def test_too_few_images():
    with pytest.raises(InputError, match="expected at least 2 of each"):
        frechet.score(np.zeros((1, 3)), np.zeros((5, 3)))


def test_classifier_learns_saves_and_loads(tmp_path):
    images = image_set(120)
    model = frechet.train_classifier(images, device=CPU)
    assert frechet.accuracy(model, image_set(60, seed=1), device=CPU) > 0.9
    frechet.save_classifier(tmp_path / "c.safetensors", model)
    extractor = frechet.classifier_extractor(tmp_path / "c.safetensors", shape=(1, 8, 8))
    features = extractor.features(images.images)
    assert features.shape == (120, 64)
    again = frechet.train_classifier(images, device=CPU)
    assert all(
        torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True)
    )


def test_classifier_needs_two_labels():
    with pytest.raises(InputError, match=r"set frechet.extractor to pixels"):
        frechet.train_classifier(image_set(10, classes=1), device=CPU)


def test_pixels_extractor_keeps_all_of_the_reference_variance_when_it_can():
    images = image_set(40).images
    features = frechet.pixels_extractor(images).features(images)
    flat = data.to_signed(images).reshape(40, -1)
    assert features.var(axis=0).sum() == pytest.approx(flat.var(axis=0).sum(), rel=1e-5)


def test_spare_images_are_shared():
    spare, training = image_set(50), image_set(20, seed=1)
    used, real = frechet.share_spare(spare, training, samples=20)
    assert (len(used), len(real)) == (30, 20)
    assert not set(used.names) & set(real.names)
    used, real = frechet.share_spare(spare, training, samples=30)
    assert used is spare
    assert real is training
    assert frechet.share_spare(spare.take(np.arange(3)), training, samples=30) == (
        training,
        training,
    )


class StandIn(torch.nn.Module):
    """A network with the interface of the TorchScript Inception file, but tiny."""

    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.AvgPool2d(74), torch.nn.Flatten(), torch.nn.Linear(48, 2048)
        )

    def forward(self, x: torch.Tensor, return_features: bool = True) -> torch.Tensor:
        return self.layers((x - 128) / 128)


@pytest.mark.filterwarnings("ignore")
def test_inception_is_clean_fids_protocol(tmp_path):
    """Features by array are those that clean-fid takes from a folder of PNGs."""
    from cleanfid import fid
    from cleanfid.inception_torchscript import InceptionV3W

    torch.manual_seed(0)
    file = tmp_path / frechet.INCEPTION
    torch.jit.script(StandIn()).save(str(file))
    images = np.random.default_rng(0).integers(0, 256, (30, 8, 8, 1), dtype=np.uint8)
    (tmp_path / "a").mkdir()
    for i, image in enumerate(images):
        Image.fromarray(image[..., 0]).save(tmp_path / "a" / f"{i:03d}.png")
    model = InceptionV3W(str(tmp_path), download=False).eval()
    theirs = fid.get_folder_features(
        str(tmp_path / "a"), model, num_workers=0, device=CPU, mode="clean", verbose=False
    )
    ours = frechet.inception_extractor(file, device=CPU).features(images)
    assert np.allclose(ours, theirs, atol=1e-6)


def test_inception_missing_or_wrong(tmp_path):
    with pytest.raises(InputError, match="expected an existing file named inception"):
        frechet.inception_extractor(tmp_path / frechet.INCEPTION, device=CPU)
    (tmp_path / frechet.INCEPTION).write_bytes(b"<html>not found</html>")
    with pytest.raises(InputError, match="is not the TorchScript Inception network"):
        frechet.inception_extractor(tmp_path / frechet.INCEPTION, device=CPU)
