"""The clip art of Debian's packages openclipart-png and openclipart-svg, with artists as labels."""

import html
import re
from pathlib import Path

import numpy as np

from encoded_ensembles.data.images import ImageSet, pixel_digests
from encoded_ensembles.data.source import Source
from encoded_ensembles.data.sources.folder import list_folder
from encoded_ensembles.data.sources.pictures import GiantError, open_picture, pad_to_square
from encoded_ensembles.storage.files import InputError

FOLDER = Path("/usr/share/openclipart")
LARGEST = (
    4_000_000  # pixels; 20 of 8121 pictures are larger, and would need more time than all others
)
FEWEST = 20  # images per artist
FADED = "codifiedivining"  # 1375 line drawings that are almost white
# Regular expressions, because not every file is well-formed XML.
CREATOR = re.compile(rb"<dc:creator\b[^>]*>(.*?)</dc:creator\s*>", re.DOTALL)
TITLE = re.compile(rb"<dc:title\b[^>]*>(.*?)</dc:title\s*>", re.DOTALL)


def load_openclipart(
    path: Path | None, cache: Path, mirror: str | None, size: int, channels: int
) -> Source:
    """Return the clip art of artists with 20 images or more, each padded to a white square.

    Excluded are pictures without an artist, those of one artist with faint lines, very large pictures,
    and images that at this size equal an earlier one. Takes about 25 seconds.

    Args:
        path: folder with png/ and svg/; None for the folder of the Debian packages.
        cache: not used.
        mirror: not used.
        size: side in pixels.
        channels: 1 (grey) or 3 (colour).

    Raises:
        InputError: the folder lacks pictures or artists, or a picture cannot be read.
    """
    folder = path or FOLDER
    artist_of = artists(folder)
    images, names = [], []
    for name in artist_of:
        file = folder / "png" / name
        try:
            picture = open_picture(file, channels=channels, largest=LARGEST)
        except GiantError:
            continue
        images.append(pad_to_square(picture, size=size))
        names.append(name)
    artist_of_image = np.array([artist_of[name] for name in names], dtype=str)
    kept = frequent(np.array(images), artist_of_image)
    if not len(kept):
        raise InputError(
            f"{folder} holds no artist with {FEWEST} images, expected the pictures of the Debian "
            "package openclipart-png."
        )
    label_names, labels = np.unique(artist_of_image[kept], return_inverse=True)
    chosen = ImageSet(
        np.array(images)[kept], labels.astype(np.int64), label_names, np.array(names)[kept]
    )
    return Source(
        chosen,
        np.zeros(len(chosen), bool),
        "Creative Commons public domain dedication (openclipart.org)",
        str(folder),
    )


def artists(folder: Path) -> dict[str, str]:
    """Return the artists of pictures with a known artist, by path in `folder`/png, sorted.

    Raises:
        InputError: png or svg is missing in `folder`.
    """
    for part in ("png", "svg"):
        if not (folder / part).is_dir():
            raise InputError(
                f"{folder / part} is missing; install the Debian packages openclipart-png and "
                "openclipart-svg, or set dataset.path to a folder with their png and svg."
            )
    artist_of = {}
    for file in list_folder(folder / "png").pictures:
        drawing = (folder / "svg" / file.relative_to(folder / "png")).with_suffix(".svg")
        artist = read_artist(drawing.read_bytes()) if drawing.is_file() else ""
        if artist not in ("", FADED):
            artist_of[file.relative_to(folder / "png").as_posix()] = artist
    return artist_of


def read_artist(drawing: bytes) -> str:
    """Return the title of the creator in an SVG's metadata, "" if it has none."""
    creator = CREATOR.search(drawing)
    title = TITLE.search(creator[1]) if creator else None
    return " ".join(html.unescape(title[1].decode("utf-8", "replace")).split()) if title else ""


def frequent(images: np.ndarray, artist_of: np.ndarray) -> np.ndarray:
    """Return the positions of images that equal no earlier one, by artists with at least `FEWEST`.

    Args:
        images: (N, H, W, C) uint8.
        artist_of: (N,) str.

    Returns:
        (K,) int64, ascending.
    """
    _, first = np.unique(np.array(pixel_digests(images), dtype=str), return_index=True)
    first.sort()
    _, number, counts = np.unique(artist_of[first], return_inverse=True, return_counts=True)
    return first[counts[number] >= FEWEST]
