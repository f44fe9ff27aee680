"""Pictures to attribute: which are chosen, and how files of any kind are read."""

import numpy as np
import pytest
from encoded_ensembles.commands.choose_queries import choose_queries
from encoded_ensembles.data.images import ImageSet, read_images, write_images
from encoded_ensembles.data.sources.given_files import read_files
from encoded_ensembles.storage.files import InputError, write_arrays
from PIL import Image


@pytest.fixture
def made(tmp_path):
    rng = np.random.default_rng(0)
    for name, count in (("training", 12), ("heldout", 9)):
        images = rng.integers(0, 256, (count, 8, 8, 1), dtype=np.uint8)
        names = np.array([f"{name} {number}" for number in range(count)])
        write_images(
            tmp_path / f"{name}.npz",
            ImageSet(images, np.zeros(count, np.int64), np.array(["a"]), names),
        )
    units = np.array([f"u{unit}" for unit in range(6)])
    write_arrays(tmp_path / "code.npz", {"unit_of": np.arange(12) // 2, "unit_names": units})
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.new("RGBA", (30, 20), (255, 255, 255, 0)).save(folder / "wide.png")
    Image.new("L", (5, 5), 40).save(folder / "small.png")
    return tmp_path


def chosen(made, **options):
    files = {"data": made / "training.npz", "heldout": made / "heldout.npz", "code": made / "code.npz"}  # fmt: skip
    sizes = {"training_images": 3, "heldout_images": 2}
    choose_queries(**files, output=made / "queries.npz", **sizes | options)
    return read_images(made / "queries.npz")


def test_every_key_changes_the_pictures(made):
    base = chosen(made)
    assert base.label_names[base.labels].tolist() == ["training"] * 3 + ["heldout"] * 2
    assert base.names[3:].tolist() == ["heldout/heldout 7", "heldout/heldout 8"]
    assert all(int(name.split()[1]) % 2 == 0 for name in base.names[:3])  # first images of units
    assert np.array_equal(chosen(made).images, base.images)
    assert chosen(made, seed=1).names.tolist() != base.names.tolist()
    assert len(chosen(made, training_images=60)) == 6 + 2
    assert len(chosen(made, heldout_images=60)) == 3 + 9
    given = chosen(made, folder=made / "pictures")
    assert given.names[5:].tolist() == ["given/small.png", "given/wide.png"]
    assert (given.images[5] == 40).all()
    assert (given.images[6] == 255).all()  # transparency on white


def test_a_folder_without_pictures_is_refused(made):
    (made / "empty").mkdir()
    with pytest.raises(InputError, match=r"queries.folder is .*empty.*at least one"):
        chosen(made, folder=made / "empty")


def test_files_are_read_as_training_pictures_are(made):
    border = read_files([made / "pictures/small.png"], shape=(8, 8, 1), border=2)
    assert border.shape == (1, 8, 8, 1)
    assert border[0, 2:6, 2:6].min() == 40
    assert border[0, :2].max() == 0
    colour = read_files([made / "pictures/small.png"], shape=(8, 8, 3), border=0)
    assert colour.shape == (1, 8, 8, 3)


def test_files_that_are_no_pictures_are_all_named(made):
    (made / "notes.png").write_text("no picture")
    with pytest.raises(InputError, match=r"2 of 3 files cannot be read(.|\n)*notes.png(.|\n)*none"):
        read_files(
            [made / "notes.png", made / "pictures/small.png", made / "none.png"],
            shape=(8, 8, 1), border=0,
        )  # fmt: skip
    with pytest.raises(InputError, match="pass --image FILE"):
        read_files([], shape=(8, 8, 1), border=0)
