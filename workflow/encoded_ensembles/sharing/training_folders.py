"""Folders of pictures and captions of each split, for trainers of other programs.

A folder holds NAME.png, NAME.txt beside it, and metadata.jsonl with file_name and text, which between them are
read by ai-toolkit, OneTrainer, SimpleTuner and diffusers' own training examples; kohya's sd-scripts also need
the configuration FOLDER.toml beside it.

Source: docs/config_README-en.md of sd-scripts.
"""

import json
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from encoded_ensembles.data.images import ImageSet
from encoded_ensembles.data.sources.pictures import (
    FORMATS,
    PictureError,
    cut_to_square,
    read_picture,
    shown,
)
from encoded_ensembles.storage.files import InputError, replacing, write_text

if TYPE_CHECKING:
    from PIL import Image

PICTURES = "pictures"  # folder of those that are not linked to where they are
# Ends of file names that all of the trainers read, in lower case, by those of a folder's pictures. Each trainer passes
# over files of other ends, without an error.
READ = {".png": ".png", ".jpg": ".jpg", ".jpeg": ".jpeg", ".webp": ".webp", ".jpe": ".jpg", ".jfif": ".jpg"}  # fmt: skip


class Original(NamedTuple):
    """The file of a picture.

    Attributes:
        file: where it is.
        plain: whether a trainer that opens it gets the picture that the run has: upright, in sRGB, on white.
    """

    file: Path
    plain: bool


def file_names(names: Sequence[str], *, plain: Sequence[bool] | None = None) -> list[str]:
    """Return a file name for each picture, without a folder: art/1.PNG becomes art__1.png.

    Their stems are distinct whatever the case, so that each has its own NAME.txt: if some are not, all are numbered.

    Args:
        names: of the run's images.
        plain: whether the file of each stays as it is; None for none. The others are PNG.
    """
    paths = [PurePosixPath(name) for name in names]
    stems = [path.with_suffix("").as_posix().replace("/", "__") for path in paths]
    if len({stem.casefold() for stem in stems}) < len(stems):
        stems = [f"{number:06d}-{stem}" for number, stem in enumerate(stems)]
    kept = plain if plain is not None else [False] * len(paths)
    ends = [
        READ[path.suffix.lower()] if stays else ".png"
        for path, stays in zip(paths, kept, strict=True)
    ]
    return [stem + end for stem, end in zip(stems, ends, strict=True)]


def originals(images: ImageSet, folder: Path, *, border: int = 0) -> list[Original]:
    """Return the file of each image in the folder that the data set was read from.

    Args:
        images: of the run.
        folder: the one in dataset.path.
        border: pixels added on each side of an image.

    Raises:
        InputError: a file is missing, or is not the picture in the training set.
    """
    _, side, _, channels = images.images.shape
    size, files = side - 2 * border, []
    squares = images.images[:, border : side - border, border : side - border]
    for name, pixels in zip(images.names.tolist(), squares, strict=True):
        file = (folder / name).resolve()
        try:
            picture = read_picture(file, channels=channels).image
            same = np.array_equal(cut_to_square(picture, size=size), pixels)
        except (PictureError, OSError) as error:
            raise InputError(
                f"{folder} holds no picture {shown(name)}, expected the folder in dataset.path; or leave "
                "--pictures out, and the squares that the run has are written."
            ) from error
        if not same:
            raise InputError(
                f"{file} is not the picture that the run has, expected no change since; run snakemake again."
            )
        plain = Path(name).suffix.lower() in READ and _opens_as(file, picture)
        files.append(Original(file, plain))
    return files


def _opens_as(file: Path, picture: "Image.Image") -> bool:
    """Return whether trainers get this picture from a file, which they open and convert to RGB, no more."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # on transparent colours of a palette
        with Image.open(file, formats=FORMATS) as opened:
            seen = opened.convert("RGB")
    return seen.size == picture.size and seen.tobytes() == picture.convert("RGB").tobytes()


def place_originals(
    pictures: Sequence[Original], folder: Path, files: Sequence[str], *, channels: int
) -> list[Path]:
    """Write pictures that are not plain as PNG files of a folder; return where each picture is.

    Args:
        pictures: of `originals`.
        folder: to write to, beside the folders of the splits.
        files: of `file_names`.
        channels: of the run's images.
    """
    paths = []
    for name, picture in zip(files, pictures, strict=True):
        if not picture.plain:
            with replacing(folder / name) as temporary:
                read_picture(picture.file, channels=channels).image.save(temporary, "PNG")
        paths.append(picture.file if picture.plain else Path("..") / folder.name / name)
    return paths


def write_squares(images: ImageSet, folder: Path, files: Sequence[str]) -> list[Path]:
    """Write images as PNG files of a folder beside those of the splits; return where each is."""
    from PIL import Image

    for file, pixels in zip(files, images.images, strict=True):
        with replacing(folder / file) as temporary:
            Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(
                temporary, "PNG"
            )
    return [Path("..") / folder.name / file for file in files]


def kohya_config(name: str, *, size: int) -> str:
    """Return the configuration of a folder's data set for kohya's sd-scripts, in TOML.

    Args:
        name: of the folder, which is looked for where the trainer is started.
        size: side of the run's images in pixels.
    """
    return (
        f'[general]\ncaption_extension = ".txt"\n\n[[datasets]]\nresolution = {size}\n\n'
        f'[[datasets.subsets]]\nimage_dir = "{name}"\nnum_repeats = 1\n'
    )


def write_folder(
    folder: Path, pictures: Mapping[str, Path], captions: Mapping[str, str] | None
) -> None:
    """Write the folder of one split: links to pictures, and their captions.

    Args:
        folder: new or empty.
        pictures: path of each, by its name in the folder.
        captions: by the same names; None without.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, path in pictures.items():
        os.symlink(path, folder / name)
    if captions is None:
        return
    for name in pictures:
        write_text((folder / name).with_suffix(".txt"), captions[name] + "\n")
    rows = [{"file_name": name, "text": captions[name]} for name in pictures]
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    write_text(folder / "metadata.jsonl", "".join(f"{line}\n" for line in lines))
