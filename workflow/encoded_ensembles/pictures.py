"""Pictures: image files of any size, in folders, read as squares of one size."""

import warnings
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from encoded_ensembles.choice import Source
from encoded_ensembles.data import ImageSet
from encoded_ensembles.files import InputError

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"}


def read_folder(
    path: Path | None, cache: Path, mirror: str | None, size: int, channels: int
) -> Source:
    """Return the images of a folder and its sub-folders, each cut to a centred square and resized.

    Args:
        path: the folder. The label of an image is the first sub-folder it lies in, "" at the top;
            its name is its path in the folder. Hidden files and files without an image's suffix
            are passed over.
        cache: not used.
        mirror: not used.
        size: side in pixels.
        channels: 1 (grey) or 3 (colour). Transparent pixels become white.

    Raises:
        InputError: there is no such folder, no image in it, or a file that cannot be read.
    """
    if path is None:
        raise InputError("dataset.path is not set; a folder needs it.")
    files = image_files(path)
    if not files:
        raise InputError(
            f"dataset.path {path} holds no image, expected files ending in "
            f"{', '.join(sorted(SUFFIXES))}; check the folder's name."
        )
    names = [file.relative_to(path).as_posix() for file in files]
    groups = [name.split("/")[0] if "/" in name else "" for name in names]
    label_names, labels = np.unique(groups, return_inverse=True)
    images = np.stack(
        [cut_to_square(open_picture(file, channels=channels), size=size) for file in files]
    )
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


class GiantError(InputError):
    """A picture with more pixels than are read."""


def open_picture(
    file: Path | IO[bytes], *, channels: int, largest: int | None = None, name: str | None = None
) -> "Image.Image":
    """Return a picture upright and without transparency: what was transparent is white.

    Args:
        file: its path or what it holds; of an animated picture the first frame is taken.
        channels: 1 (grey) or 3 (colour).
        largest: most pixels, read from the file's head before any are unpacked; None for
            Pillow's own limit of 89 million.
        name: what to call it in a message, if not by its path.

    Raises:
        GiantError: it has more pixels.
        InputError: the file is not an image, or is damaged.
    """
    from PIL import Image, ImageOps

    bombs = (Image.DecompressionBombWarning, Image.DecompressionBombError)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file) as opened:
                if largest is not None and opened.width * opened.height > largest:
                    raise GiantError(_too_large(name or file, largest))
                image = ImageOps.exif_transpose(opened).convert("RGBA")
    except GiantError:
        raise
    except bombs as error:
        raise GiantError(_too_large(name or file, Image.MAX_IMAGE_PIXELS)) from error
    except Exception as error:  # Pillow's decoders raise many kinds
        raise InputError(
            f"{name or file} cannot be read as an image ({error}); repair it or take it out of the folder."
        ) from error
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("L" if channels == 1 else "RGB")


def _too_large(file: object, largest: int | None) -> str:
    return f"{file} has more than {largest} pixels, expected fewer; make it smaller or take it out."


def cut_to_square(picture: "Image.Image", *, size: int) -> np.ndarray:
    """Return the centred square of a picture as (size, size, channels) uint8."""
    from PIL import Image, ImageOps

    return _pixels(ImageOps.fit(picture, (size, size), Image.Resampling.LANCZOS))


def pad_to_square(picture: "Image.Image", *, size: int) -> np.ndarray:
    """Return a whole picture amid a white square as (size, size, channels) uint8."""
    from PIL import Image

    side = max(picture.size)
    square = Image.new(picture.mode, (side, side), "white")
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return _pixels(square.resize((size, size), Image.Resampling.BOX))


def _pixels(square: "Image.Image") -> np.ndarray:
    return np.asarray(square, np.uint8).reshape(square.height, square.width, -1)
