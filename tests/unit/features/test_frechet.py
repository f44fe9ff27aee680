"""Frechet distances: hand-computed values, features, and agreement with clean-fid's own path."""

import numpy as np
import pandas as pd
import pytest
import torch
from cleanfid.fid import kernel_distance
from encoded_ensembles.commands.score_frechet import score_frechet
from encoded_ensembles.data import images as data
from encoded_ensembles.features import classifier, extractors, frechet
from encoded_ensembles.storage.files import InputError, read_arrays, write_arrays
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
    assert frechet.score(a + 2, b).kid_1000 > frechet.score(a, b).kid_1000


def test_kid_has_one_scale_for_all_features_except_inceptions():
    """Issue 14.20b: KID x 1000 does not depend on the unit in which features are measured."""
    a, b = np.random.default_rng(0).normal(size=(2, 50, 4))
    mine, larger = frechet.score(a + 0.3, b), frechet.score(100 * (a + 0.3), 100 * b)
    assert larger[2:4] == pytest.approx(mine[2:4])
    assert larger.frechet == pytest.approx(1e4 * mine.frechet)
    assert larger.frechet_error == pytest.approx(1e4 * mine.frechet_error)
    published = frechet.score(a + 0.3, b, inception=True).kid_1000
    assert published == pytest.approx(1000 * kernel_distance(a + 0.3, b))
    assert published != pytest.approx(mine.kid_1000)


def test_of_few_images_the_distance_is_bias_and_that_is_said():
    """Issue 14.20b: 20 images on 64 features; both sets come from one distribution."""
    rng = np.random.default_rng(0)
    many = frechet.score(*rng.normal(size=(2, 300, 64)))
    few = frechet.score(rng.normal(size=(20, 64)), rng.normal(size=(16, 64)))
    assert (few.singular, few.reference, few.features) == (True, 16, 64)
    assert not many.singular
    assert few.frechet > 5 * many.frechet
    assert abs(few.kid_1000) < 3 * few.kid_1000_error
    assert frechet.score(*rng.normal(size=(2, 64, 64))).singular
    assert not frechet.score(*rng.normal(size=(2, 65, 64))).singular
    rows = [{"set": "full", "kept": 0, "images": 20, "extractor": "pixels", **few._asdict()}]
    rows += [{"set": "real", "kept": 0, "images": 300, "extractor": "pixels", **many._asdict()}]
    said = frechet.caution(pd.DataFrame(rows))
    assert "64 features: 20 against 16 held-out ones" in said
    assert said.endswith(f"real images get {many.frechet:.1f} ± {many.frechet_error:.1f}.")
    assert frechet.caution(pd.DataFrame(rows[:1])).endswith("as many real images only.")
    assert frechet.caution(pd.DataFrame(rows[1:])) == ""
    said = frechet.in_words(rows[0])
    assert said.startswith(f"full: Frechet distance (pixels) {few.frechet:.1f} ± ")
    assert f"KID x 1000 {few.kid_1000:.1f} ± {few.kid_1000_error:.1f}" in said
    assert frechet.in_words(rows[0] | {"kept": 1}).startswith("full (1 member): ")


def test_sets_are_scored_with_their_first_images(tmp_path):
    """Issue 14.25: the pictures that are drawn are those that were scored, in the order of the table."""
    rng = np.random.default_rng(0)
    for name, count in (("training", 30), ("spare", 8), ("heldout", 40)):
        data.write_images(tmp_path / f"{name}.npz", image_set(count, seed=count))
    keep = np.array([[1, 1, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, 1]], bool)
    images = rng.integers(0, 256, (5, 20, 8, 8, 1), np.uint8)
    blocks = []
    for number, rows in enumerate(([0, 1], [2, 3, 4]), start=1):
        blocks.append(tmp_path / f"samples.{number}-of-2.npz")
        write_arrays(blocks[-1], {"keep": keep[rows], "images": images[rows]})
    score_frechet(
        blocks, tmp_path / "training.npz", tmp_path / "spare.npz", tmp_path / "heldout.npz", 20, 1,
        tmp_path / "scores.parquet", tmp_path / "pictures.npz", device="cpu",
    )  # fmt: skip
    table = pd.read_parquet(tmp_path / "scores.parquet")
    assert table["set"].tolist() == ["full", "real", "member", "member", "ablated", "factual"]
    assert table["keep"].tolist() == ["000", "", "010", "100", "110", "111"]
    assert table["images"].tolist() == [20] * 6  # of 30 training images too
    assert (table["reference"] == 40).all()
    drawn = read_arrays(tmp_path / "pictures.npz")["images"]
    assert drawn.shape == (6, 12, 8, 8, 1)
    for place, row in ((0, 4), (2, 1), (3, 2), (4, 3), (5, 0)):
        assert np.array_equal(drawn[place], images[row, :12])
    of_training = image_set(30, seed=30).images
    assert all((each == of_training).all(axis=(1, 2, 3)).any() for each in drawn[1])


def test_kid_does_not_depend_on_the_global_seed():
    """Issue 14.28: its subsets are drawn with a seed of their own."""
    a, b = np.random.default_rng(0).normal(size=(2, 50, 4))
    found = []
    for seed in (1, 2):
        np.random.seed(seed)
        found.append(frechet.score(a, b).kid_1000)
    assert found[0] == found[1]


def test_kid_by_hand():
    """The unbiased squared MMD with the kernel (x.y / 2 + 1)^3 of two points 0 and points 1, 2 on an axis."""
    a, b = np.zeros((2, 2)), np.array([[1.0, 0.0], [2.0, 0.0]])
    assert frechet.score(a, b, inception=True).kid_1000 == pytest.approx(1000 * (1 + 2**3 - 2 * 1))


def test_too_few_images():
    with pytest.raises(InputError, match="expected at least 2 in each set"):
        frechet.score(np.zeros((1, 3)), np.zeros((5, 3)))


def test_classifier_learns_saves_and_loads(tmp_path):
    images = image_set(120)
    model = classifier.train_classifier(images, device=CPU)
    assert classifier.accuracy(model, image_set(60, seed=1), device=CPU) > 0.9
    classifier.save_classifier(tmp_path / "c.safetensors", model)
    extractor = extractors.classifier_extractor(tmp_path / "c.safetensors", shape=(1, 8, 8))
    features = extractor.features(images.images)
    assert features.shape == (120, 64)
    again = classifier.train_classifier(images, device=CPU)
    assert all(
        torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True)
    )


def test_classifier_needs_two_labels():
    with pytest.raises(InputError, match=r"set frechet.extractor to pixels"):
        classifier.train_classifier(image_set(10, classes=1), device=CPU)


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


def test_the_seed_and_the_epochs_decide_the_classifier():
    images = image_set(40)
    first, seeded, longer = (
        classifier.train_classifier(images, device=CPU, **options)[1].weight
        for options in ({"epochs": 1}, {"epochs": 1, "seed": 1}, {"epochs": 2})
    )
    assert not torch.equal(first, seeded)
    assert not torch.equal(first, longer)


def test_spare_images_are_shared():
    spare, training = image_set(50), image_set(20, seed=1)
    used, real = frechet.share_spare(spare, training, samples=20)
    assert (len(used), len(real)) == (30, 20)
    assert not set(used.names) & set(real.names)
    used, real = frechet.share_spare(spare.take(np.arange(10)), training, samples=8)
    assert used is training
    assert len(real) == 8  # a distance depends on the number of images
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
