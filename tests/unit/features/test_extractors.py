"""Features of images: by pixels, and by clean-fid's protocol."""

import numpy as np
import pytest
import torch
from bright_images import image_set
from encoded_ensembles.data import images as data
from encoded_ensembles.features import classifier, extractors, frechet
from encoded_ensembles.storage.files import InputError
from PIL import Image

CPU = torch.device("cpu")


def test_pixels_extractor_keeps_all_of_the_reference_variance_when_it_can():
    images = image_set(40).images
    features = extractors.pixels_extractor(images).features(images)
    flat = data.to_signed(images).reshape(40, -1)
    assert features.var(axis=0).sum() == pytest.approx(flat.var(axis=0).sum(), rel=1e-5)


def test_pixels_extractor_keeps_the_components_of_largest_variance():
    """Issue 14.28: of 144 components the 64 largest."""
    images = np.random.default_rng(0).integers(0, 256, (100, 12, 12, 1), dtype=np.uint8)
    features = extractors.pixels_extractor(images).features(images)
    assert features.shape == (100, extractors.FEATURES)
    flat = data.to_signed(images).reshape(100, -1).astype(np.float64)
    largest = np.sort(np.linalg.eigvalsh(np.cov(flat, rowvar=False)))[-64:]
    assert features.var(axis=0, ddof=1).sum() == pytest.approx(largest.sum())
    assert np.allclose(features.mean(axis=0), 0)


def test_the_extractor_is_the_one_that_is_there(tmp_path):
    images = image_set(20)
    path = tmp_path / "c.safetensors"
    classifier.save_classifier(path, classifier.build_classifier((1, 8, 8), classes=2))
    options = {"inception": None, "device": CPU}
    for weights, name in ((None, "pixels"), (path, "classifier")):
        found = extractors.choose_extractor(images.images, classifier=weights, **options)
        assert found.name == name
        assert frechet.describe(name).startswith("Frechet distance")
    assert frechet.describe("inception") == "FID (clean-fid)"


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
    file = tmp_path / extractors.INCEPTION
    torch.jit.script(StandIn()).save(str(file))
    images = np.random.default_rng(0).integers(0, 256, (30, 8, 8, 1), dtype=np.uint8)
    (tmp_path / "a").mkdir()
    for i, image in enumerate(images):
        Image.fromarray(image[..., 0]).save(tmp_path / "a" / f"{i:03d}.png")
    model = InceptionV3W(str(tmp_path), download=False).eval()
    theirs = fid.get_folder_features(
        str(tmp_path / "a"), model, num_workers=0, device=CPU, mode="clean", verbose=False
    )
    ours = extractors.inception_extractor(file, device=CPU).features(images)
    assert np.allclose(ours, theirs, atol=1e-6)


def test_inception_missing_or_wrong(tmp_path):
    with pytest.raises(InputError, match="expected an existing file named inception"):
        extractors.inception_extractor(tmp_path / extractors.INCEPTION, device=CPU)
    (tmp_path / extractors.INCEPTION).write_bytes(b"<html>not found</html>")
    with pytest.raises(InputError, match="is not the TorchScript Inception network"):
        extractors.inception_extractor(tmp_path / extractors.INCEPTION, device=CPU)
