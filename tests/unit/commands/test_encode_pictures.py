"""Latents of training images: one at a time, and never numbers that are none."""

import numpy as np
import pytest
import tiny_pipelines
import torch
from encoded_ensembles.commands.encode_pictures import encode_pictures
from encoded_ensembles.data.images import ImageSet, write_images
from encoded_ensembles.members.network import save_network
from encoded_ensembles.storage.files import InputError, read_arrays


@pytest.fixture
def data(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), np.uint8)
    names = np.array(["a.png", "b.png", "c.png"])
    write_images(
        tmp_path / "data.npz", ImageSet(pixels, np.zeros(3, np.int64), np.array(["x"]), names)
    )
    return tmp_path / "data.npz"


def encode(data, folder, *, flip=False, broken=False):
    coder = tiny_pipelines.autoencoder()
    if broken:  # as weights in float16 overflow
        with torch.no_grad():
            next(coder.encoder.parameters())[:] = float("inf")
    save_network(coder, folder / "autoencoder")
    encode_pictures(data, folder / "autoencoder", folder / "latents.npz", flip=flip, device="cpu")
    return read_arrays(folder / "latents.npz")


def test_mirrored_images_are_encoded_where_they_are_needed(data, tmp_path):
    torch.manual_seed(0)
    plain = encode(data, tmp_path)
    assert set(plain) == {"names", "latents"}
    assert plain["latents"].shape == (3, 4, 8, 8)
    torch.manual_seed(0)
    both = encode(data, tmp_path, flip=True)
    assert np.array_equal(both["latents"], plain["latents"])
    assert both["mirrored"].shape == plain["latents"].shape
    assert not np.array_equal(both["mirrored"], both["latents"])


def test_latents_that_are_not_finite_are_refused(data, tmp_path):
    with pytest.raises(
        InputError, match=r"latents that are not finite for 3 of 3 images, a\.png first"
    ):
        encode(data, tmp_path, broken=True)
    assert not (tmp_path / "latents.npz").exists()
