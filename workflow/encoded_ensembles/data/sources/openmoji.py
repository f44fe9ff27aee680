"""OpenMoji's pictograms with captions, authors and groups; Twemoji's in another style.

Both are packages of the npm registry, read without unpacking them to the disk. Drawings are rendered by
resvg.
"""

import io
import json
import tarfile
import unicodedata
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from encoded_ensembles.data.captions import Captions, one_line
from encoded_ensembles.data.source import Album, Source
from encoded_ensembles.data.sources.download import digest_check, obtain
from encoded_ensembles.data.sources.npm import fetch_package
from encoded_ensembles.data.sources.pictures import open_picture, pad_to_square
from encoded_ensembles.storage.files import InputError

LARGEST = 1 << 26  # bytes of a package, and of a file in it
FINER = 4  # times dataset.size, at which drawings are rendered before they are reduced
VARIATION = 0xFE0F  # code point that vendors write or leave out
TABLE = "package/data/openmoji.json"
LABELS = ("author", "group", "vendor")


class Vendor(NamedTuple):
    """The package of a vendor's drawings.

    Attributes:
        file: name of the package's file, as `npm pack` writes it.
        package: its name and version in the npm registry.
        sha256: of the file.
        drawings: folder of the drawings in it.
        author: of all drawings; None if the table names authors.
        licence: of the drawings.
    """

    file: str
    package: str
    sha256: str
    drawings: str
    author: str | None
    licence: str


VENDORS = {
    "openmoji": Vendor(
        "openmoji-17.0.0.tgz",
        "openmoji@17.0.0",
        "55ee7d13485dec86e9f38c1f3a645a13382d33ff97c0cd845ee824b0aef45e68",
        "package/color/svg",
        None,
        "CC BY-SA 4.0 (OpenMoji, openmoji.org)",
    ),
    "twemoji": Vendor(
        "twemoji-svg-15.0.0.tgz",
        "@twemoji/svg@15.0.0",
        "1d2907557a422c7c4e3feca50ef915c39da1db3d76b4a4d7e73fb59bce4403c3",
        "package",
        "Twemoji",
        "CC BY 4.0 (graphics of Twemoji by Twitter, Inc and other contributors)",
    ),
}


class Pictograms(NamedTuple):
    """The choice of pictograms; the keys of `dataset.openmoji` in the configuration.

    Attributes:
        vendors: of `VENDORS`; a pictogram that a vendor has not drawn is left out of its pictures.
        skin_tones: whether to take the variants of a pictogram in five skin tones.
        label: of `LABELS`.
    """

    vendors: tuple[str, ...] = ("openmoji",)
    skin_tones: bool = False
    label: str = "author"


def load_openmoji(
    path: Path | None,
    cache: Path,
    mirror: str | None,
    size: int,
    channels: int,
    chosen: Pictograms = Pictograms(),  # noqa: B008 (immutable)
) -> Source:
    """Return pictograms on white, named vendor/HEXCODE, with OpenMoji's annotations as captions.

    Args:
        path: folder with the packages' files; None lets npm fetch them.
        cache: folder for downloads.
        mirror: address of a folder with the packages' files, to download from without npm.
        size: side in pixels.
        channels: 1 (grey) or 3 (colour).
        chosen: which of them, and what their label is.

    Raises:
        InputError: a package is missing or not the published one, or a name in `chosen` is unknown.
    """
    check_choice(chosen)
    packages = {
        vendor: read_package(_package(VENDORS[vendor], path, cache, mirror))
        for vendor in dict.fromkeys(("openmoji", *chosen.vendors))
    }
    table = read_pictograms(packages["openmoji"], skin_tones=chosen.skin_tones)
    rows, drawings = [], []
    for vendor in chosen.vendors:
        drawing_of = by_code_points(packages[vendor], VENDORS[vendor].drawings)
        for entry in table:
            if drawing := drawing_of.get(code_points(entry["hexcode"])):
                rows.append({**entry, "vendor": vendor, "name": f"{vendor}/{entry['hexcode']}"})
                drawings.append(drawing)
    labels = [row[chosen.label] for row in rows]
    if chosen.label == "author":
        labels = [VENDORS[row["vendor"]].author or row["author"] for row in rows]
    label_names, label = np.unique(np.array(labels, dtype=str), return_inverse=True)
    names = [row["name"] for row in rows]
    texts = [row["annotation"] for row in rows]
    album = Album(
        label.astype(np.int64),
        label_names,
        np.array(names, dtype=str),
        (size, size, channels),
        partial(_read_drawing, drawings, names, size, channels),
    )
    return Source(
        album,
        np.zeros(len(names), bool),
        "; ".join(VENDORS[vendor].licence for vendor in packages),
        str(path or mirror or f"npm: {', '.join(VENDORS[vendor].package for vendor in packages)}"),
        captions=Captions(
            np.array(texts, dtype=str),
            empty=tuple(name for name, text in zip(names, texts, strict=True) if not text),
        ),
    )


def check_choice(chosen: Pictograms) -> None:
    """Check the names in a choice.

    Raises:
        InputError: a vendor or the label is unknown, or a vendor is named twice or none is.
    """
    unknown = [vendor for vendor in chosen.vendors if vendor not in VENDORS]
    if unknown or not chosen.vendors or len(set(chosen.vendors)) < len(chosen.vendors):
        raise InputError(
            f"dataset.openmoji.vendors is {', '.join(chosen.vendors) or 'empty'}, expected one or more of "
            f"{', '.join(VENDORS)}, each once."
        )
    if chosen.label not in LABELS:
        raise InputError(
            f"dataset.openmoji.label is {chosen.label}, expected one of {', '.join(LABELS)}."
        )


def _package(vendor: Vendor, path: Path | None, cache: Path, mirror: str | None) -> Path:
    """Return the file of a vendor's package, checked."""
    check = digest_check(f"sha256:{vendor.sha256}")
    if path is None:
        target = cache / "openmoji" / vendor.file
        if mirror is None:
            return fetch_package(target, vendor.package, check=check)
        return obtain(target, [f"{mirror.rstrip('/')}/{vendor.file}"], check=check, largest=LARGEST)
    file = path / vendor.file
    if not file.is_file():
        raise InputError(
            f"{file} is missing, expected the file of an npm package (npm pack writes it); put it into "
            "dataset.path, or leave dataset.path out to fetch it."
        )
    check(file)
    return file


def read_package(file: Path) -> dict[str, bytes]:
    """Return the drawings and the table in a package, by their paths in it.

    Raises:
        InputError: it is not a readable archive.
    """
    content = {}
    try:
        with tarfile.open(file, "r:gz") as archive:
            for member in archive:
                wanted = member.name.endswith(".svg") or member.name == TABLE
                if wanted and member.isfile() and member.size <= LARGEST:
                    opened = archive.extractfile(member)
                    content[member.name] = opened.read() if opened else b""
    except (tarfile.TarError, OSError, EOFError) as error:
        raise InputError(
            f"{file} cannot be read as an archive ({error}); download it again."
        ) from error
    return content


def read_pictograms(package: dict[str, bytes], *, skin_tones: bool) -> list[dict[str, str]]:
    """Return hexcode, annotation, author and group of each pictogram in OpenMoji's table.

    Args:
        package: content of OpenMoji's.
        skin_tones: whether to include variants in a skin tone.

    Raises:
        InputError: the table is missing or has another form.
    """
    try:
        entries: list[dict[str, Any]] = json.loads(package[TABLE])
        return [
            {
                "hexcode": entry["hexcode"],
                "annotation": one_line(entry["annotation"]),
                # Two ways of writing an umlaut would be two artists.
                "author": unicodedata.normalize("NFC", one_line(entry["openmoji_author"]))
                or "unknown",
                "group": one_line(entry["group"]),
            }
            for entry in entries
            if skin_tones or not entry["skintone"]
        ]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(
            f"the package of OpenMoji holds no table {TABLE} with hexcode, annotation, openmoji_author, "
            "group and skintone; download it again."
        ) from error


def code_points(hexcode: str) -> tuple[int, ...]:
    """Return the code points of 2764-FE0F-200D-1F525 or 2764-200d-1f525, without variation selectors."""
    points = (int(part, 16) for part in hexcode.split("-"))
    return tuple(point for point in points if point != VARIATION)


def by_code_points(package: dict[str, bytes], folder: str) -> dict[tuple[int, ...], bytes]:
    """Return the drawings in a folder of a package, by their code points."""
    drawings = {}
    for name, content in package.items():
        place, _, file = name.rpartition("/")
        if place == folder and name.endswith(".svg"):
            drawings[code_points(file.removesuffix(".svg"))] = content
    return drawings


def _read_drawing(
    drawings: Sequence[bytes], names: Sequence[str], size: int, channels: int, row: int
) -> np.ndarray:
    """Return a drawing on white as (size, size, channels) uint8."""
    return render(drawings[row], name=names[row], size=size, channels=channels)


def render(drawing: bytes, *, name: str, size: int, channels: int) -> np.ndarray:
    """Return an SVG on a white square as (size, size, channels) uint8.

    It is rendered at `FINER` times the size and reduced by the mean of each block of pixels. Fonts of the
    system are not used, so that every machine gives the same pixels.

    Raises:
        InputError: it is no SVG.
    """
    from resvg_py import svg_to_bytes

    side = FINER * size
    try:
        png = svg_to_bytes(
            svg_string=drawing.decode(),
            background="white",
            skip_system_fonts=True,
            width=side,
            height=side,
        )
    except ValueError as error:
        raise InputError(
            f"{name} cannot be rendered ({error}), expected an SVG; download its package again."
        ) from error
    return pad_to_square(open_picture(io.BytesIO(png), channels=channels, name=name), size=size)
