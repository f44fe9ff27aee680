"""Reading pictures of any size and kind, and refusing what is none."""

import numpy as np
import pytest
from encoded_ensembles.data import catalogue, units
from encoded_ensembles.data.sources import pictures
from encoded_ensembles.storage.files import InputError
from picture_kinds import SRGB
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


def test_of_an_animation_the_first_frame_is_taken(tmp_path):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    found = pictures.open_picture(tmp_path / "moving.gif", channels=3)
    assert found.getpixel((0, 0)) == (255, 0, 0)


def test_shades_of_16_bits_stay_apart(tmp_path):
    """Issue 14.2: all 256 shades, where a plain conversion makes white of all but 255."""
    shades = np.arange(256, dtype=np.uint16).reshape(16, 16)
    for kind, values in {"png": shades * 257, "tif": (shades / 255).astype(np.float32)}.items():
        Image.fromarray(values).save(tmp_path / f"shades.{kind}")
    images = catalogue.load(
        "folder", path=tmp_path, cache=tmp_path, mirror=None, size=16, channels=1
    ).all.images
    assert (images[0, ..., 0] == shades).all()
    assert (images[1, ..., 0] == shades).all()


def test_a_profile_of_srgb_changes_nothing(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    Image.fromarray(pixels).save(tmp_path / "b.png", icc_profile=SRGB)
    images = catalogue.load(
        "folder", path=tmp_path, cache=tmp_path, mirror=None, size=16, channels=3
    ).all.images.astype(int)
    assert (images[0] == pixels).all()
    assert np.abs(images[1] - images[0]).max() <= 1
