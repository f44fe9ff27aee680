"""Reading data sets in their own formats, and refusing what is not whole."""

import gzip
import hashlib
import http.server
import threading

import numpy as np
import pytest
from encoded_ensembles import datasets, pictures
from encoded_ensembles.files import InputError
from PIL import Image


def write_picture(path, *, mode="RGB", size=(10, 6), colour=200):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.astype(np.uint8).tobytes()


def test_digits():
    source = datasets.load_digits(None, None, None)
    assert source.all.images.shape == (1797, 8, 8, 1)
    assert (source.all.images.min(), source.all.images.max()) == (0, 255)
    assert len(set(source.all.names)) == 1797


def test_mnist5k():
    source = datasets.load_mnist5k(None, None, None)
    assert source.all.images.shape == (5000, 28, 28, 1)
    assert np.bincount(source.all.labels).tolist() == [500] * 10


def test_folder(tmp_path):
    write_picture(tmp_path / "cats" / "one.png")
    write_picture(tmp_path / "dogs" / "two words.jpg", size=(5, 9))
    write_picture(tmp_path / "top.png", mode="LA", colour=(0, 0))
    (tmp_path / "notes.txt").write_text("not an image")
    write_picture(tmp_path / ".hidden" / "no.png")
    source = pictures.read_folder(tmp_path, size=8, channels=3)
    assert source.all.names.tolist() == ["cats/one.png", "dogs/two words.jpg", "top.png"]
    assert source.all.label_names[source.all.labels].tolist() == ["cats", "dogs", ""]
    assert source.all.images.shape == (3, 8, 8, 3)
    assert (source.all.images[2] == 255).all()  # transparent becomes white
    assert pictures.read_folder(tmp_path, size=8, channels=1).all.images.shape == (3, 8, 8, 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "expected a folder that exists"),
        ({}, "holds no image"),
        ({"a.png": b"\x89PNG\r\n"}, "a.png cannot be read"),
    ],
)
def test_folder_refused(tmp_path, content, message):
    folder = tmp_path / "pictures"
    if content is not None:
        folder.mkdir()
        for name, blob in content.items():
            (folder / name).write_bytes(blob)
    with pytest.raises(InputError, match=message):
        pictures.read_folder(folder, size=8, channels=3)


def test_idx_by_hand():
    array = np.arange(6).reshape(3, 2)
    assert np.array_equal(datasets.parse_idx(idx(array)), array)
    with pytest.raises(InputError, match="truncated: 5 values"):
        datasets.parse_idx(idx(array)[:-1])
    with pytest.raises(InputError, match="not an IDX file"):
        datasets.parse_idx(b"<html>")


@pytest.fixture
def miniature(tmp_path, monkeypatch):
    """A Fashion-MNIST of 6 + 4 images in the original format, with its own digests."""
    folder = tmp_path / "mini"
    folder.mkdir()
    rng = np.random.default_rng(0)
    digests = {}
    for part, count in (("train", 6), ("t10k", 4)):
        for name, array in (
            (f"{part}-images-idx3-ubyte", rng.integers(0, 256, (count, 28, 28))),
            (f"{part}-labels-idx1-ubyte", rng.integers(0, 10, count)),
        ):
            payload = idx(array)
            digests[name] = hashlib.sha256(payload).hexdigest()
            (folder / f"{name}.gz").write_bytes(gzip.compress(payload))
    monkeypatch.setattr(datasets, "FASHION_MNIST_SHA256", digests)
    return folder


@pytest.fixture
def server(miniature):
    """A server on loopback that hands out the miniature; yields its address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    def handler(*args, **kwargs):
        return Quiet(*args, directory=str(miniature), **kwargs)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


def test_fashion_mnist_from_folder_and_from_server_are_the_same(miniature, server, tmp_path):
    local = datasets.load_fashion_mnist(miniature, tmp_path, None)
    assert local.all.images.shape == (10, 28, 28, 1)
    assert local.test.tolist() == [False] * 6 + [True] * 4
    fetched = datasets.load_fashion_mnist(None, tmp_path / "cache", server)
    assert np.array_equal(local.all.images, fetched.all.images)


def test_fashion_mnist_damaged(miniature, server, tmp_path):
    file = miniature / "train-images-idx3-ubyte.gz"
    whole = file.read_bytes()
    file.write_bytes(whole[:-20])
    with pytest.raises(InputError, match="not a whole gzip file"):
        datasets.load_fashion_mnist(miniature, tmp_path, None)
    file.write_bytes(gzip.compress(b"\0\0\x08\x01\0\0\0\x01x"))
    with pytest.raises(InputError, match=r"has sha256 .* expected"):
        datasets.load_fashion_mnist(miniature, tmp_path, None)
    with pytest.raises(InputError, match=r"has sha256 .* expected"):
        datasets.load_fashion_mnist(None, tmp_path / "cache", server)
    assert not (tmp_path / "cache/fashion-mnist/train-images-idx3-ubyte.gz").exists()
    file.unlink()
    with pytest.raises(InputError, match="expected a folder with train-images"):
        datasets.load_fashion_mnist(miniature, tmp_path, None)
    with pytest.raises(InputError, match="could not be downloaded"):
        datasets.load_fashion_mnist(None, tmp_path / "cache", server)
