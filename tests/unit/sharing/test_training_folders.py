"""Folders to train on elsewhere: the pictures that a run was made of."""

import numpy as np
import pytest
from encoded_ensembles.data.images import ImageSet
from encoded_ensembles.data.sources.pictures import cut_to_square, read_picture
from encoded_ensembles.sharing.training_folders import (
    Original,
    file_names,
    originals,
    place_originals,
)
from encoded_ensembles.storage.files import InputError
from PIL import Image


@pytest.mark.parametrize("border", [0, 2])
def test_originals_are_compared_without_the_border(tmp_path, border):
    """With dataset.border every picture counted as changed."""
    pixels = np.random.default_rng(0).integers(1, 256, (1, 8, 8, 3), np.uint8)
    Image.fromarray(pixels[0]).save(tmp_path / "a.png")
    beside = (border, border)
    padded = np.pad(pixels, ((0, 0), beside, beside, (0, 0)))
    images = ImageSet(padded, np.zeros(1, np.int64), np.array(["."]), np.array(["a.png"]))
    assert originals(images, tmp_path, border=border) == [Original(tmp_path / "a.png", plain=True)]
    images.images[0, 4, 4] ^= 1
    with pytest.raises(InputError, match="is not the picture that the run has"):
        originals(images, tmp_path, border=border)


def test_trainers_open_each_file_as_the_picture_that_the_run_has(tmp_path):
    """They pass over GIF and TIFF, do not turn pictures upright, and take what is under transparency."""
    pixels = np.random.default_rng(0).integers(0, 256, (8, 16, 3), np.uint8)
    picture = Image.fromarray(pixels)
    rotated = Image.Exif()
    rotated[0x0112] = 6
    picture.save(tmp_path / "plain.PNG")
    picture.save(tmp_path / "photo.jfif", "JPEG")
    picture.save(tmp_path / "turned.jpg", exif=rotated)
    picture.save(tmp_path / "scan.tif")
    picture.convert("P").save(tmp_path / "drawing.gif")
    clear = picture.convert("RGBA")
    clear.putalpha(Image.fromarray(pixels[..., 0]))
    clear.save(tmp_path / "clear.png")
    names = sorted(path.name for path in tmp_path.iterdir())
    squares = [
        cut_to_square(read_picture(tmp_path / name, channels=3).image, size=8) for name in names
    ]
    images = ImageSet(np.stack(squares), np.zeros(6, np.int64), np.array(["."]), np.array(names))
    found = originals(images, tmp_path)
    assert [each.file.name for each in found if each.plain] == ["photo.jfif", "plain.PNG"]
    files = file_names(names, plain=[each.plain for each in found])
    assert files == ["clear.png", "drawing.png", "photo.jpg", "plain.png", "scan.png", "turned.png"]
    folder = tmp_path / "splits/pictures"
    paths = place_originals(found, folder, files, channels=3)
    for file, path, square in zip(files, paths, squares, strict=True):
        placed = path if path.is_absolute() else folder.parent / "00" / path
        (folder.parent / "00").mkdir(exist_ok=True)
        with Image.open(placed) as opened:
            assert np.array_equal(cut_to_square(opened.convert("RGB"), size=8), square), file


def test_names_of_files_are_distinct():
    assert file_names(["a/1.png", "a__1.PNG"]) == ["000000-a__1.png", "000001-a__1.png"]
    assert file_names(["a/1.JPEG"], plain=[True]) == ["a__1.jpeg"]
