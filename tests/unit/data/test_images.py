"""The canonical file of images, and which of them are trained on."""

import numpy as np
import pytest
from encoded_ensembles.data import images as data
from encoded_ensembles.storage.files import InputError


def image_set(count=4, side=2):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, side, side, 1), dtype=np.uint8)
    names = np.array([f"x/{i}" for i in range(count)])
    return data.ImageSet(images, np.zeros(count, np.int64), np.array(["a"]), names)


def test_canonical_file_round_trip_and_tampering(tmp_path):
    images = image_set()
    file = tmp_path / "images.npz"
    digest = data.write_images(file, images)
    first = file.read_bytes()
    assert data.write_images(file, images) == digest
    assert file.read_bytes() == first
    read = data.read_images(file)
    assert np.array_equal(read.images, images.images)
    assert read.names.tolist() == images.names.tolist()
    damaged = bytearray(first)
    damaged[len(damaged) // 3] ^= 1
    file.write_bytes(damaged)
    with pytest.raises(InputError, match="delete it and run again"):
        data.read_images(file)


def test_set_digest_does_not_depend_on_order_but_on_name_and_pixels():
    images = image_set()
    digests = data.image_digests(images.images, images.names)
    assert data.set_digest(digests) == data.set_digest(digests[::-1])
    assert len(set(digests)) == 4
    assert data.image_digests(images.images[:1], ["y"]) != digests[:1]


def test_signed_and_bytes_are_inverse():
    every = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    assert np.array_equal(data.to_bytes(data.to_signed(every)), every)
    assert data.to_signed(every).min() == -1
    assert data.to_signed(every).max() == 1
    assert data.to_bytes(np.full((1, 1, 1, 1), 7.0)).item() == 255


def test_resize():
    images = image_set(2, side=4).images
    assert data.resize(images, size=None, channels=None) is images
    assert data.resize(images, size=8, channels=3).shape == (2, 8, 8, 3)
    grey = data.resize(images, size=4, channels=3)
    assert np.array_equal(grey, np.repeat(images, 3, axis=3))
