"""MNIST and Fashion-MNIST from miniatures in their own format."""

import gzip
import hashlib

import numpy as np
import pytest
from encoded_ensembles.data.sources import mnist
from encoded_ensembles.storage.files import InputError


def packed(array):
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.astype(np.uint8).tobytes()


@pytest.fixture
def miniature(tmp_path):
    """A data set of 6 + 4 images in the original format, with its own digests."""
    folder = tmp_path / "mini"
    folder.mkdir()
    rng = np.random.default_rng(0)
    digests = {}
    for part, count in (("train", 6), ("t10k", 4)):
        for name, array in (
            (f"{part}-images-idx3-ubyte", rng.integers(0, 256, (count, 28, 28))),
            (f"{part}-labels-idx1-ubyte", rng.integers(0, 10, count)),
        ):
            payload = packed(array)
            digests[name] = hashlib.sha256(payload).hexdigest()
            (folder / f"{name}.gz").write_bytes(gzip.compress(payload))
    return folder, mnist.MNIST._replace(sha256=digests, folder=None)


def test_from_folder_and_from_server_are_the_same(miniature, serve, tmp_path):
    folder, known = miniature
    local = mnist.load_idx(known, folder, tmp_path, None)
    assert local.all.images.shape == (10, 28, 28, 1)
    assert local.test.tolist() == [False] * 6 + [True] * 4
    assert local.all.names[[0, 6]].tolist() == ["train/00000", "t10k/00000"]
    fetched = mnist.load_idx(known, None, tmp_path / "cache", serve(folder))
    assert np.array_equal(local.all.images, fetched.all.images)
    file = folder / "train-labels-idx1-ubyte.gz"
    (folder / file.stem).write_bytes(gzip.decompress(file.read_bytes()))
    file.unlink()  # unpacked will do
    unpacked = mnist.load_idx(known, folder, tmp_path, None)
    assert np.array_equal(local.all.labels, unpacked.all.labels)


def test_damaged(miniature, serve, tmp_path):
    folder, known = miniature
    server = serve(folder)
    file = folder / "train-images-idx3-ubyte.gz"
    whole = file.read_bytes()
    file.write_bytes(whole[:-20])
    with pytest.raises(InputError, match="not a whole gzip file"):
        mnist.load_idx(known, folder, tmp_path, None)
    file.write_bytes(gzip.compress(b"\0\0\x08\x01\0\0\0\x01x"))
    with pytest.raises(InputError, match=r"has sha256 .* expected"):
        mnist.load_idx(known, folder, tmp_path, None)
    with pytest.raises(InputError, match=r"has sha256 .* expected"):
        mnist.load_idx(known, None, tmp_path / "cache", server)
    assert not list((tmp_path / "cache/mnist").glob("*train-images*"))
    file.unlink()
    with pytest.raises(InputError, match="expected a folder with train-images"):
        mnist.load_idx(known, folder, tmp_path, None)
    with pytest.raises(InputError, match="answers 404"):
        mnist.load_idx(known, None, tmp_path / "cache", server)


def test_what_unpacks_without_end_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(mnist, "LARGEST", 1000)
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(1_000_000)))
    with pytest.raises(InputError, match="unpacks to more than 1000 bytes"):
        mnist.decompress(tmp_path / "bomb.gz", packed=True)


def test_idx_by_hand():
    array = np.arange(6).reshape(3, 2)
    assert np.array_equal(mnist.parse_idx(packed(array)), array)
