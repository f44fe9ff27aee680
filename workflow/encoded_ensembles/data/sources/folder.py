"""The folder of the user's own pictures, and the treatment of all files in it."""

import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np

from encoded_ensembles.data.captions import Captions
from encoded_ensembles.data.images import ImageSet
from encoded_ensembles.data.source import Source
from encoded_ensembles.data.sources.caption_files import is_caption_file, read_captions
from encoded_ensembles.data.sources.pictures import (
    FORMATS,
    Picture,
    PictureError,
    cut_to_square,
    read_picture,
    shown,
)
from encoded_ensembles.data.units import TOP
from encoded_ensembles.storage.files import InputError

LONG = 4  # ratio of sides above which most of a picture is cut off
# These sentences are part of data/dataset.json: another wording changes its bytes.
SMALL = "fewer pixels on a side than dataset.size, so that they are enlarged"
ELONGATED = f"more than {LONG} times as long as wide, so that most is cut off"
ENDINGS = 10  # endings of ignored files that are counted separately


class Contents(NamedTuple):
    """The content of a folder and its sub-folders, except hidden files.

    Attributes:
        pictures: files with the ending of a picture, sorted by path.
        others: other files.
        links: paths of linked sub-folders in the folder, sorted.
    """

    pictures: list[Path]
    others: list[Path]
    links: list[str]


def suffixes() -> list[str]:
    """Return the endings of picture files that this Pillow reads, in lower case, sorted."""
    from PIL import Image

    endings = Image.registered_extensions()
    return sorted(suffix for suffix, kind in endings.items() if kind in FORMATS)


def list_folder(path: Path) -> Contents:
    """Return the content of a folder; links to folders are not followed.

    Raises:
        InputError: `path` or a folder in it does not exist or cannot be listed.
    """
    if not path.is_dir():
        raise InputError(f"dataset.path is {path}, expected a folder that exists.")
    pictures: list[Path] = []
    others: list[Path] = []
    known, links = set(suffixes()), []
    for folder, folders, files in os.walk(path, onerror=_refuse_folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        links += [Path(folder, name) for name in folders if Path(folder, name).is_symlink()]
        for file in (Path(folder, name) for name in files if not name.startswith(".")):
            (pictures if file.suffix.lower() in known else others).append(file)
    return Contents(
        sorted(pictures), others, sorted(link.relative_to(path).as_posix() for link in links)
    )


def _refuse_folder(error: OSError) -> NoReturn:
    """Raise the error for a folder that cannot be listed."""
    raise InputError(
        f"{error.filename} cannot be listed ({error.strerror}), expected a readable folder; "
        "change its permissions or remove it from dataset.path."
    ) from error


def read_folder(
    path: Path | None,
    cache: Path,
    mirror: str | None,
    size: int,
    channels: int,
    *,
    captioned: bool = False,
) -> Source:
    """Return the pictures of a folder and its sub-folders, each cut to a centred square and resized.

    docs/datasets.md lists the treatment of each kind of file.

    Args:
        path: the folder. The label of an image is the first sub-folder in its path, `TOP` for none;
            its name is its path in the folder.
        cache: not used.
        mirror: not used.
        size: side in pixels.
        channels: 1 (grey) or 3 (colour).
        captioned: whether to read their captions too.

    Raises:
        InputError: the folder does not exist, or has no pictures, or some cannot be read: the
            message names all of them; or it has no captions, or contradicting ones.
    """
    if path is None:
        raise InputError("dataset.path is not set, expected a folder (dataset.name is folder).")
    contents = list_folder(path)
    if not contents.pictures:
        raise InputError(
            f"dataset.path {path} holds no image, expected files ending in {', '.join(suffixes())}"
            f"; check the name of the folder{_counted(contents.others)}."
        )
    captions = None
    if captioned:  # before the pictures, which take longer
        captions, contents = _split_captions(path, contents)
    images, refused, remarks = [], [], defaultdict(list)
    for file in contents.pictures:
        name = file.relative_to(path).as_posix()
        try:
            picture = read_picture(file, channels=channels)
        except PictureError as error:
            refused.append(f"  {shown(name)} cannot be read as an image ({error.reason})")
            continue
        images.append((name, cut_to_square(picture.image, size=size)))
        for remark in _remarks(picture, size):
            remarks[remark].append(name)
    if refused:
        raise InputError(
            f"{len(refused)} of {len(contents.pictures)} pictures in {path} cannot be read; repair "
            "them or remove them from the folder:\n" + "\n".join(refused)
        )
    names = [name for name, _ in images]
    label_names, labels = np.unique([label_of(name) for name in names], return_inverse=True)
    return Source(
        ImageSet(
            np.stack([pixels for _, pixels in images]),
            labels.astype(np.int64),
            label_names,
            np.array(names),
        ),
        np.zeros(len(images), bool),
        "the user's own",
        str(path),
        folder_warnings(contents),
        captions,
        remarks,
    )


def _split_captions(path: Path, contents: Contents) -> tuple[Captions, Contents]:
    """Return the captions of a folder, and its content without their files."""
    files = [file for file in contents.others if is_caption_file(file)]
    names = [file.relative_to(path).as_posix() for file in contents.pictures]
    others = [file for file in contents.others if not is_caption_file(file)]
    return read_captions(path, files, names), contents._replace(others=others)


def label_of(name: str) -> str:
    """Return the first folder of an image's name, `TOP` if it has none."""
    return name.split("/")[0] if "/" in name else TOP


def _remarks(picture: Picture, size: int) -> list[str]:
    """Return the remarks on a picture for the user."""
    short, long = sorted(picture.image.size)
    return [
        *picture.remarks,
        *([SMALL] if short < size else []),
        *([ELONGATED] if long > LONG * short else []),
    ]


def folder_warnings(contents: Contents) -> tuple[str, ...]:
    """Return warnings for the user on the files of a folder that are no pictures, one sentence each."""
    warnings = []
    if contents.others:
        warnings.append(
            f"files passed over: {len(contents.others)}{_counted(contents.others)}; pictures end "
            f"in {', '.join(suffixes())}."
        )
    if contents.links:
        warnings.append(
            f"linked sub-folders passed over: {', '.join(map(shown, contents.links))}; put the "
            "folders themselves there."
        )
    return tuple(warnings)


def _counted(others: Sequence[Path]) -> str:
    """Return the counts of endings as text for a sentence, most frequent first."""
    endings = Counter(file.suffix.lower() or "without ending" for file in others)
    ordered = sorted(endings.items(), key=lambda item: (-item[1], item[0]))
    parts = [f"{count} {shown(ending)}" for ending, count in ordered[:ENDINGS]]
    if rest := sum(count for _, count in ordered[ENDINGS:]):
        parts.append(f"{rest} with other endings")
    return f" ({', '.join(parts)})" if parts else ""
