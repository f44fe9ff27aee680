"""Folders to train on elsewhere: the pictures that a run was made of."""

import numpy as np
import pytest
from encoded_ensembles.data.images import ImageSet
from encoded_ensembles.sharing.training_folders import originals
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
    assert originals(images, tmp_path, border=border) == [tmp_path / "a.png"]
    images.images[0, 4, 4] ^= 1
    with pytest.raises(InputError, match="is not the picture that the run has"):
        originals(images, tmp_path, border=border)
