"""Sets of images: their file format, digests, and conversions."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from encoded_ensembles.storage.files import InputError, read_arrays, write_arrays


@dataclass(frozen=True)
class ImageSet:
    """Images with labels and names; the content of one canonical file.

    Attributes:
        images: (N, H, W, C) uint8.
        labels: (N,) int64, position in `label_names`.
        label_names: (L,) str.
        names: (N,) str, distinct; an image keeps its name when its pixels change.
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


def pixel_digests(images: np.ndarray) -> list[str]:
    """Return the SHA-256 of each image's pixels alone, in hexadecimal; images (N, H, W, C) uint8."""
    return [hashlib.sha256(image.tobytes()).hexdigest() for image in images]


def set_digest(digests: Iterable[str]) -> str:
    """Return the SHA-256 of image digests, independent of their order."""
    return hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()


def write_images(path: Path, images: ImageSet) -> str:
    """Write the canonical file (.npz without pickles) and return the SHA-256 of its content."""
    digest = set_digest(image_digests(images.images, images.names))
    write_arrays(path, {**images.__dict__, "sha256": np.array(digest)})
    return digest


def read_images(path: Path) -> ImageSet:
    """Return the images of a canonical file, checked against the digest in it.

    Raises:
        InputError: the file is damaged, is not an image set, or does not match its digest.
    """
    arrays = read_arrays(path)
    expected = str(arrays["sha256"])
    images = ImageSet(**{field.name: arrays[field.name] for field in fields(ImageSet)})
    digest = set_digest(image_digests(images.images, images.names))
    if digest != expected:
        raise InputError(
            f"{path} holds images with sha256 {digest}, expected {expected}: the file was "
            "altered; delete it and run again."
        )
    return images


def to_signed(images: np.ndarray) -> np.ndarray:
    """Return (N, H, W, C) uint8 as (N, C, H, W) float32 in [-1, 1]."""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2), np.float32) / 127.5 - 1


def to_rows(images: np.ndarray) -> np.ndarray:
    """Return (N, H, W, C) uint8 as rows (N, C * H * W) float32 in [-1, 1]."""
    return to_signed(images).reshape(len(images), -1)


def to_bytes(images: np.ndarray) -> np.ndarray:
    """Return (N, C, H, W) float32 as (N, H, W, C) uint8: [-1, 1] to 0..255, clipped and rounded."""
    scaled = np.rint((np.clip(images, -1, 1) + 1) * 127.5)
    return scaled.astype(np.uint8).transpose(0, 2, 3, 1)


def resize(images: np.ndarray, *, size: int | None, channels: int | None) -> np.ndarray:
    """Return (N, H, W, C) uint8 images as (N, size, size, channels); None keeps the value."""
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
