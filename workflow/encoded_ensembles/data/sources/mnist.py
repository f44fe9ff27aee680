"""MNIST and Fashion-MNIST: images and labels in IDX files, gzipped or not."""

import gzip
import hashlib
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from encoded_ensembles.data.images import ImageSet
from encoded_ensembles.data.source import Source
from encoded_ensembles.data.sources.download import obtain
from encoded_ensembles.storage.files import InputError

LARGEST = 1 << 26  # bytes of a file, unpacked; the largest has 47,040,016


class IdxSet(NamedTuple):
    """A data set of four IDX files."""

    name: str
    addresses: tuple[str, ...]
    sha256: dict[str, str]  # of each file, unpacked: gzip headers differ between mirrors
    labels: tuple[str, ...]
    licence: str
    folder: Path | None = None  # of a system package


# Digests are of the unpacked content of the files whose md5 torchvision lists.
MNIST = IdxSet(
    "mnist",
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist",
        "https://storage.googleapis.com/cvdf-datasets/mnist",
    ),
    {
        "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
    tuple(map(str, range(10))),
    "Creative Commons BY-SA 3.0 (MNIST by LeCun, Cortes and Burges)",
)
FASHION_MNIST = IdxSet(
    "fashion-mnist",
    (
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
    ),
    {
        "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
    (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
        "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ),
    "MIT",
    Path("/usr/share/datasets/fashion-mnist"),
)  # fmt: skip


def load_mnist(path: Path | None, cache: Path, mirror: str | None) -> Source:
    """Return MNIST: 60,000 + 10,000 images, 28x28, one channel."""
    return load_idx(MNIST, path, cache, mirror)


def load_fashion_mnist(path: Path | None, cache: Path, mirror: str | None) -> Source:
    """Return Fashion-MNIST: 60,000 + 10,000 images, 28x28, one channel.

    Source: Xiao, Rasul & Vollgraf, arXiv 1708.07747.
    """
    return load_idx(FASHION_MNIST, path, cache, mirror)


def load_idx(known: IdxSet, path: Path | None, cache: Path, mirror: str | None) -> Source:
    """Return a data set of IDX files.

    Files come from the folder `path`, else from the folder of a system package, else by download to
    `cache` from `mirror` or the addresses of the data set.

    Raises:
        InputError: a file is missing, damaged, or not the published one.
    """
    folder = path or (known.folder if known.folder and known.folder.is_dir() else None)
    payloads = {
        name: read_idx_file(folder, name, sha256=sha256)
        if folder
        else _downloaded(known, name, cache, mirror)
        for name, sha256 in known.sha256.items()
    }
    parts = []
    for part in ("train", "t10k"):
        images = parse_idx(payloads[f"{part}-images-idx3-ubyte"])[..., None]
        labels = parse_idx(payloads[f"{part}-labels-idx1-ubyte"])
        names = np.array([f"{part}/{i:05d}" for i in range(len(images))])
        parts.append((images, labels.astype(np.int64), names))
    images, labels, names = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    origin = str(folder) if folder else mirror or known.addresses[0]
    is_test = np.arange(len(names)) >= len(parts[0][2])
    return Source(
        ImageSet(images, labels, np.array(known.labels), names), is_test, known.licence, origin
    )


def _downloaded(known: IdxSet, name: str, cache: Path, mirror: str | None) -> bytes:
    """Return the payload of a file, downloaded to `cache` if necessary."""
    addresses = [
        f"{address.rstrip('/')}/{name}.gz" for address in ((mirror,) if mirror else known.addresses)
    ]
    sha256 = known.sha256[name]

    def check(file: Path) -> None:
        check_payload(decompress(file, packed=True), name=name, sha256=sha256)

    target = cache / known.name / f"{name}.gz"
    file = obtain(target, addresses, check=check, largest=LARGEST)
    return decompress(file, packed=True)


def read_idx_file(folder: Path, name: str, *, sha256: str) -> bytes:
    """Return the payload of `folder`/`name`.gz or `folder`/`name`.

    Raises:
        InputError: neither exists, or the file is damaged or not the published one.
    """
    for file in (folder / f"{name}.gz", folder / name):
        if file.is_file():
            payload = decompress(file, packed=file.suffix == ".gz")
            try:
                return check_payload(payload, name=name, sha256=sha256)
            except InputError as error:
                raise InputError(f"In {folder}, {error} Download it again.") from error
    raise InputError(
        f"dataset.path is {folder}, expected a folder with {name}.gz or {name}; "
        "put the file there, or remove dataset.path to download it."
    )


def decompress(file: Path, *, packed: bool) -> bytes:
    """Return the bytes of a file, at most `LARGEST`, decompressed if `packed`.

    Raises:
        InputError: the file is truncated, is not gzip, or is too large.
    """
    try:
        with gzip.open(file) if packed else file.open("rb") as opened:
            data = opened.read(LARGEST + 1)
    except (EOFError, OSError, zlib.error) as error:
        raise InputError(
            f"{file} ({file.stat().st_size} bytes) is not a whole gzip file ({error}); "
            "download it again."
        ) from error
    if len(data) > LARGEST:
        raise InputError(
            f"{file} unpacks to more than {LARGEST} bytes, expected fewer; download it again."
        )
    return data


def check_payload(payload: bytes, *, name: str, sha256: str) -> bytes:
    """Return `payload` if its SHA-256 is the published one.

    Raises:
        InputError: it is not.
    """
    digest = hashlib.sha256(payload).hexdigest()
    if digest != sha256:
        raise InputError(
            f"{name} has sha256 {digest} ({len(payload)} bytes decompressed), expected {sha256}: "
            "the file is truncated or altered."
        )
    return payload


def parse_idx(payload: bytes) -> np.ndarray:
    """Return the uint8 array of an IDX payload whose digest was checked.

    Source: the format is described on the MNIST page: bytes 0, 0, type (8 = uint8), number of
    dimensions, then each size as big-endian uint32, then the values.
    """
    sizes = np.frombuffer(payload, ">u4", count=payload[3], offset=4)
    return np.frombuffer(payload, np.uint8, offset=4 + sizes.nbytes).reshape(sizes)
