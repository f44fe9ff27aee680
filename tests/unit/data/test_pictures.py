"""Reading pictures of any size and kind, and refusing what is none."""

import pytest
from encoded_ensembles.data import catalogue, units
from encoded_ensembles.storage.files import InputError
from PIL import Image


def write_picture(path, *, mode="RGB", size=(10, 6), colour=200):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)


def read(folder, *, channels=3):
    return catalogue.load(
        "folder", path=folder, cache=folder, mirror=None, size=8, channels=channels
    ).all


def test_folder(tmp_path):
    write_picture(tmp_path / "cats" / "one.png")
    write_picture(tmp_path / "dogs" / "two words.jpg", size=(5, 9))
    write_picture(tmp_path / "top.png", mode="LA", colour=(0, 0))
    (tmp_path / "notes.txt").write_text("not an image")
    write_picture(tmp_path / ".hidden" / "no.png")
    images = read(tmp_path)
    assert images.names.tolist() == ["cats/one.png", "dogs/two words.jpg", "top.png"]
    assert images.label_names[images.labels].tolist() == ["cats", "dogs", "."]
    assert images.images.shape == (3, 8, 8, 3)
    assert (images.images[2] == 255).all()  # transparent becomes white
    assert read(tmp_path, channels=1).images.shape == (3, 8, 8, 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "expected a folder that exists"),
        ({}, "holds no image"),
        ({"a.png": b"\x89PNG\r\n"}, "a.png cannot be read as an image"),
    ],
)
def test_folder_refused(tmp_path, content, message):
    folder = tmp_path / "pictures"
    if content is not None:
        folder.mkdir()
        for name, blob in content.items():
            (folder / name).write_bytes(blob)
    with pytest.raises(InputError, match=message):
        read(folder)


def test_pictures_at_the_top_are_of_a_unit_that_can_be_named(tmp_path):
    """Issue 14.4: by label and by folder alike."""
    for name in ("a/one.png", "a/b/two.png", "top.png"):
        write_picture(tmp_path / name)
    images = read(tmp_path)
    for by in ("label", "folder"):
        grouped = units.assign_units(images, units.Grouping(by))
        (number,) = units.find_units(grouped.names, ["."])
        assert images.names[grouped.unit_of == number].tolist() == ["top.png"]


def test_units_of_a_folder_from_a_table(tmp_path):
    for name in ("a/one.png", "b/two, too.png", "three.png"):
        write_picture(tmp_path / name)
    table = tmp_path / "artists.csv"
    table.write_text(
        'name,unit_name,year\na/one.png,Ann,1\nthree.png,"Bo, Jr.",2\n"b/two, too.png",Ann,3\n'
    )
    grouped = units.assign_units(read(tmp_path), units.Grouping("table", table))
    assert grouped.names.tolist() == ["Ann", "Bo, Jr."]
    assert grouped.unit_of.tolist() == [0, 0, 1]
    table.write_text("name,unit_name\na/one.png,Ann\n")
    with pytest.raises(InputError, match="gives no unit_name for 2 of 3 images"):
        units.assign_units(read(tmp_path), units.Grouping("table", table))
