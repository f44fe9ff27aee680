"""Frechet distances and KID: hand-computed values and laws."""

import numpy as np
import pandas as pd
import pytest
from bright_images import image_set
from cleanfid.fid import kernel_distance
from encoded_ensembles.commands.score_frechet import score_frechet
from encoded_ensembles.data import images as data
from encoded_ensembles.features import frechet
from encoded_ensembles.storage.files import InputError, read_arrays, write_arrays


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


@pytest.mark.parametrize("spare", [3, 20, 21, 39, 40])
def test_whose_images_train_the_classifier_follows_from_their_numbers(spare):
    training = image_set(20, seed=1)
    used, _ = frechet.share_spare(image_set(spare), training, samples=20)
    assert frechet.trains_on_spare(spare, len(training), samples=20) == (used is not training)
