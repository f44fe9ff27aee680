"""A deletion request names pictures that are set aside and belong to the units too."""

from types import SimpleNamespace

import numpy as np
from encoded_ensembles.commands.forget import _kin
from encoded_ensembles.data.captions import Caption, caption_table
from encoded_ensembles.data.images import ImageSet, write_images
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
