"""A deletion request names pictures that are set aside and belong to the units too."""

from types import SimpleNamespace

import numpy as np
import pytest
from encoded_ensembles.commands.forget import _kin
from encoded_ensembles.data.captions import Caption, caption_table
from encoded_ensembles.data.images import ImageSet, write_images
from encoded_ensembles.runs.remains import Goes, find_labels
from encoded_ensembles.storage.files import write_table


def test_pictures_with_a_word_that_are_set_aside_are_named(tmp_path):
    caption = {
        "a.png": "a cat",
        "b.png": "a dog",
        "c.png": "a dog and a cat",
        "d.png": "a.png, a cat",
    }
    parts = {"training": [], "heldout": ["a.png", "b.png"], "spare": ["c.png", "d.png"]}
    for use, names in parts.items():
        zeros = np.zeros((len(names), 2, 2, 1), np.uint8)
        images = ImageSet(
            zeros, np.zeros(len(names), np.int64), np.array(["."]), np.array(names, str)
        )
        (tmp_path / "data").mkdir(exist_ok=True)
        write_images(tmp_path / f"data/{use}.npz", images)
    table = caption_table(
        {use: np.array(names, str) for use, names in parts.items()},
        {name: Caption(text, given=True) for name, text in caption.items()},
    )
    write_table(tmp_path / "data/captions.parquet", table)
    run = SimpleNamespace(
        folder=tmp_path, config={"units": {"by": "word", "words": ["cat", "dog"]}}
    )
    found = {
        each.place: each.holds.rpartition(": ")[2] for each in _kin(run, ["dog", "a.png"], set())
    }
    assert found == {"data/heldout.npz": "b.png", "data/spare.npz": "c.png"}


def test_pictures_that_the_table_gives_to_a_unit_are_named(tmp_path):
    """A table may cover the whole folder, also images that are set aside, or the training images only."""
    (tmp_path / "data").mkdir()
    for use, names in {"heldout": ["a.png", "b.png"], "spare": ["c.png"]}.items():
        zeros = np.zeros((len(names), 2, 2, 1), np.uint8)
        images = ImageSet(
            zeros, np.zeros(len(names), np.int64), np.array(["."]), np.array(names, str)
        )
        write_images(tmp_path / f"data/{use}.npz", images)
    (tmp_path / "artists.csv").write_text("name,artist\n b.png, Ann\na.png,Bo\ntrained.png,Ann\n")
    units = {"by": "table", "table": str(tmp_path / "artists.csv"), "column": "artist"}
    run = SimpleNamespace(folder=tmp_path, config={"units": units})
    (found,) = _kin(run, ["Ann"], set())
    assert (found.place, found.holds.rpartition(": ")[2]) == ("data/heldout.npz", "b.png")
    assert _kin(run, ["Cy"], set()) == []


@pytest.fixture
def run_of(tmp_path):
    """Return a function that writes a run of image sets, with one unit for each label or image."""

    def make(parts, unit_of, unit_names, **config):
        (tmp_path / "data").mkdir()
        for use, images in parts.items():
            write_images(tmp_path / f"data/{use}.npz", images)
        code = {"unit_of": np.array(unit_of), "unit_names": np.array(unit_names)}
        return SimpleNamespace(
            folder=tmp_path, config=config, code=code, training=parts["training"]
        )

    return make


def test_near_duplicates_that_are_set_aside_are_named(run_of):
    """By the metric and threshold of the units, not by equal pixels only."""
    pixels = np.zeros((2, 4, 4, 1), np.uint8)
    pixels[1] = 200
    near = np.stack([pixels[0] + 1, pixels[1] + 3, pixels[0] + 90])
    names = np.array(["c.png", "d.png", "e.png"])
    labels = np.array([""])
    parts = {
        "training": ImageSet(pixels, np.zeros(2, np.int64), labels, np.array(["a.png", "b.png"])),
        "heldout": ImageSet(near, np.zeros(3, np.int64), labels, names),
        "spare": ImageSet(near[:0], np.zeros(0, np.int64), labels, names[:0]),
    }
    units = {"by": "duplicates", "metric": "pixels", "threshold": 0.02}
    run = run_of(parts, [0, 1], ["a.png", "b.png"], units=units)
    (found,) = _kin(run, ["a.png"], set())
    assert (found.place, found.holds.rpartition(": ")[2]) == ("data/heldout.npz", "c.png")
    run.config["units"] = units | {"threshold": 0.001}
    assert _kin(run, ["a.png"], set()) == []


@pytest.mark.parametrize(("classes", "goes"), [(False, Goes.RERUN), (True, Goes.STAYS)])
def test_names_of_labels_that_lose_their_images_are_listed(run_of, classes, goes):
    """They are those that fetch-dataset takes out of its files; with model.classes it leaves them."""

    def images(labels, start):
        zeros = np.zeros((len(labels), 2, 2, 1), np.uint8)
        listed = np.array([f"{start + number}.png" for number in range(len(labels))], str)
        return ImageSet(zeros, np.array(labels, np.int64), np.array(["ann", "bo", "cy"]), listed)

    parts = {"training": images([0, 0, 1, 2], 0), "heldout": images([1, 2], 10), "spare": images([0, 1], 20)}  # fmt: skip
    run = run_of(parts, [0, 0, 1, 2], ["ann", "bo", "cy"])
    forgotten = np.array([True, True, False, False])
    listed = find_labels(run.folder, forgotten, classes=classes)
    found = {each.place: each.goes for each in listed}
    places = ["data/heldout.npz", *(["data/training.npz"] if classes else [])]
    assert found == dict.fromkeys(places, goes)
    forgotten[0] = False  # another unit holds an image of ann
    assert find_labels(run.folder, forgotten, classes=classes) == []
