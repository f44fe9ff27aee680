"""Reading images, and refusing what is not whole."""

import gzip
import hashlib
import http.server
import threading

import numpy as np
import pytest
from encoded_ensembles import data
from encoded_ensembles.files import InputError
from PIL import Image


def write_picture(path, *, mode="RGB", size=(10, 6), colour=200):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)


def image_set(count=4, side=2):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, side, side, 1), dtype=np.uint8)
    names = np.array([f"x/{i}" for i in range(count)])
    return data.ImageSet(images, np.zeros(count, np.int64), np.array(["a"]), names)


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.astype(np.uint8).tobytes()


def test_digits():
    source = data.load_digits(None, None, None)
    assert source.all.images.shape == (1797, 8, 8, 1)
    assert (source.all.images.min(), source.all.images.max()) == (0, 255)
    assert len(set(source.all.names)) == 1797


def test_mnist5k():
    source = data.load_mnist5k(None, None, None)
    assert source.all.images.shape == (5000, 28, 28, 1)
    assert np.bincount(source.all.labels).tolist() == [500] * 10


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


def test_folder(tmp_path):
    write_picture(tmp_path / "cats" / "one.png")
    write_picture(tmp_path / "dogs" / "two words.jpg", size=(5, 9))
    write_picture(tmp_path / "top.png", mode="LA", colour=(0, 0))
    (tmp_path / "notes.txt").write_text("not an image")
    write_picture(tmp_path / ".hidden" / "no.png")
    source = data.read_folder(tmp_path, size=8, channels=3)
    assert source.all.names.tolist() == ["cats/one.png", "dogs/two words.jpg", "top.png"]
    assert source.all.label_names[source.all.labels].tolist() == ["cats", "dogs", ""]
    assert source.all.images.shape == (3, 8, 8, 3)
    assert (source.all.images[2] == 255).all()  # transparent becomes white
    assert data.read_folder(tmp_path, size=8, channels=1).all.images.shape == (3, 8, 8, 1)


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
        data.read_folder(folder, size=8, channels=3)


def test_idx_by_hand():
    array = np.arange(6).reshape(3, 2)
    assert np.array_equal(data.parse_idx(idx(array)), array)
    with pytest.raises(InputError, match="truncated: 5 values"):
        data.parse_idx(idx(array)[:-1])
    with pytest.raises(InputError, match="not an IDX file"):
        data.parse_idx(b"<html>")


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
    monkeypatch.setattr(data, "FASHION_MNIST_SHA256", digests)
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
    local = data.load_fashion_mnist(miniature, tmp_path, None)
    assert local.all.images.shape == (10, 28, 28, 1)
    assert local.test.tolist() == [False] * 6 + [True] * 4
    fetched = data.load_fashion_mnist(None, tmp_path / "cache", server)
    assert np.array_equal(local.all.images, fetched.all.images)


def test_fashion_mnist_damaged(miniature, server, tmp_path):
    file = miniature / "train-images-idx3-ubyte.gz"
    whole = file.read_bytes()
    file.write_bytes(whole[:-20])
    with pytest.raises(InputError, match="not a whole gzip file"):
        data.load_fashion_mnist(miniature, tmp_path, None)
    file.write_bytes(gzip.compress(b"\0\0\x08\x01\0\0\0\x01x"))
    with pytest.raises(InputError, match=r"has sha256 .* expected"):
        data.load_fashion_mnist(miniature, tmp_path, None)
    with pytest.raises(InputError, match=r"has sha256 .* expected"):
        data.load_fashion_mnist(None, tmp_path / "cache", server)
    assert not (tmp_path / "cache/fashion-mnist/train-images-idx3-ubyte.gz").exists()
    file.unlink()
    with pytest.raises(InputError, match="expected a folder with train-images"):
        data.load_fashion_mnist(miniature, tmp_path, None)
    with pytest.raises(InputError, match="could not be downloaded"):
        data.load_fashion_mnist(None, tmp_path / "cache", server)


def test_choice_depends_on_names_not_positions():
    source = data.Source(image_set(40), np.zeros(40, bool), "", "")
    turn = np.random.default_rng(1).permutation(40)
    shuffled = data.Source(source.all.take(turn), np.zeros(40, bool), "", "")
    chosen = data.choose(source, images=10, heldout=5, spare=7, seed=0)
    again = data.choose(shuffled, images=10, heldout=5, spare=7, seed=0)
    for a, b in zip(chosen, again, strict=True):
        assert source.all.names[a].tolist() == shuffled.all.names[b].tolist()
    assert [len(part) for part in chosen] == [10, 5, 7]
    assert len(np.unique(np.concatenate(chosen))) == 22


def test_official_test_part_is_never_trained_on():
    test = np.arange(40) >= 30
    training, heldout, _ = data.choose(
        data.Source(image_set(40), test, "", ""), images=None, heldout=4, spare=40, seed=0
    )
    assert len(training) == 30
    assert not test[training].any()
    assert test[heldout].all()


@pytest.mark.parametrize(
    ("images", "heldout", "message"),
    [
        (39, 5, "dataset.images is 39"),
        (1, 41, "dataset.heldout is 41"),
        (None, 40, "no image is left"),
    ],
)
def test_too_small_data_set(images, heldout, message):
    source = data.Source(image_set(40), np.zeros(40, bool), "", "")
    with pytest.raises(InputError, match=message):
        data.choose(source, images=images, heldout=heldout, spare=0, seed=0)


def test_resize():
    images = image_set(2, side=4).images
    assert data.resize(images, size=None, channels=None) is images
    assert data.resize(images, size=8, channels=3).shape == (2, 8, 8, 3)
    grey = data.resize(images, size=4, channels=3)
    assert np.array_equal(grey, np.repeat(images, 3, axis=3))
