"""CelebA with identities as labels, and MetFaces with artists as labels.

Both are on Google Drive, which sends programs a web page instead of large files: users download the
files by hand, or from `dataset.mirror`, and this module checks them. The pictures of CelebA are read
from the archive without unpacking.
"""

import hashlib
import io
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from encoded_ensembles.data.source import Album, Source
from encoded_ensembles.data.sources.download import digest_check, obtain
from encoded_ensembles.data.sources.pictures import cut_to_square, open_picture
from encoded_ensembles.storage.files import InputError, read_json

CELEBA_PAGE = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
CELEBA = {  # md5 as listed by torchvision: no better digest is published
    "img_align_celeba.zip": "md5:00d2c5bc6d35e252742224ab0c1e8fcb",
    "identity_CelebA.txt": "md5:32bd1bd63d3c78cd57e08160ec5ed1e2",
    "list_eval_partition.txt": "md5:d32c9cbf5e040fd4025c592c306e6668",
}
METFACES_PAGE = "https://github.com/NVlabs/metfaces-dataset"
LARGEST = 1 << 32  # bytes of a file
LARGEST_PICTURE = 1 << 26  # bytes of a picture, unpacked


def load_celeba(
    path: Path | None, cache: Path, mirror: str | None, size: int, channels: int
) -> Source:
    """Return CelebA, aligned and cut to its centred square: 162,770 + 39,829 faces, in colour.

    The training part is the official one; the official validation part is added to the test part. The
    label of a face is the number of its person.

    Raises:
        InputError: a file is missing, damaged, or not the published one.
    """
    archive, identities, partition = _celeba_files(path, cache, mirror)
    part_of = read_numbers(partition)
    person_of = read_numbers(identities)
    if part_of.keys() != person_of.keys():
        raise InputError(
            f"{identities} and {partition} list different pictures; download both again."
        )
    files = sorted(part_of)
    numbers, labels = np.unique([person_of[file] for file in files], return_inverse=True)
    opened = zipfile.ZipFile(archive)
    album = Album(
        labels.astype(np.int64),
        numbers.astype(str),
        np.array([f"celeba/{file}" for file in files]),
        (size, size, channels),
        partial(_read_zipped, opened, files, size, channels),
    )
    is_test = np.array([part_of[file] != 0 for file in files])
    licence = "non-commercial research only (CelebA by Liu, Luo, Wang and Tang)"
    return Source(album, is_test, licence, str(path or mirror or archive.parent))


def _celeba_files(path: Path | None, cache: Path, mirror: str | None) -> list[Path]:
    """Return the archive, the identities and the partition, each checked."""
    folder = path or cache / "celeba"
    checked = []
    for name, digest in CELEBA.items():
        file, check = folder / name, digest_check(digest)
        if mirror and not path:
            obtain(file, [f"{mirror.rstrip('/')}/{name}"], check=check, largest=LARGEST)
        elif file.is_file():
            check(file)
        else:
            raise InputError(
                f"{file} is missing; download {', '.join(CELEBA)} by hand from {CELEBA_PAGE} into "
                f"{folder}, set dataset.path to their folder, or set dataset.mirror."
            )
        checked.append(file)
    return checked


def read_numbers(file: Path) -> dict[str, int]:
    """Return the number of each picture, by name, from a file with lines like `000001.jpg 2880`.

    Raises:
        InputError: a line has another form.
    """
    numbers = {}
    for place, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        name, _, number = line.strip().partition(" ")
        if not number.strip().isdecimal():
            raise InputError(
                f"line {place} of {file} is {line!r}, expected the name of a picture and a "
                "number; download it again."
            )
        numbers[name] = int(number)
    return numbers


def _read_zipped(
    archive: zipfile.ZipFile, files: list[str], size: int, channels: int, row: int
) -> np.ndarray:
    """Return a face of CelebA's archive as (size, size, channels) uint8."""
    name = f"img_align_celeba/{files[row]}"
    try:
        with archive.open(name) as member:
            data = member.read(LARGEST_PICTURE)
    except (KeyError, zipfile.BadZipFile, OSError) as error:
        raise InputError(
            f"{archive.filename} does not hold a readable {name} ({error}); download it again."
        ) from error
    return cut_to_square(open_picture(io.BytesIO(data), channels=channels, name=name), size=size)


# ASSUME: artists that are not known.
def load_metfaces(
    path: Path | None, cache: Path, mirror: str | None, size: int, channels: int
) -> Source:
    """Return MetFaces: 1336 faces in works of art, in colour, labelled by their artists.

    Each work by an unknown artist has a separate label.

    Raises:
        InputError: the list or a picture is missing, damaged, or not the published one.
    """
    folder = path or cache / "metfaces"
    table = folder / "metfaces.json"
    if not table.is_file():
        raise InputError(
            f"{table} is missing; download metfaces.json and images by hand from {METFACES_PAGE} into "
            f"{folder}, or set dataset.path to their folder."
        )
    faces = read_faces(table)
    artists = [face["artist_display_name"] or f"unknown, {face['obj_id']}" for face in faces]
    label_names, labels = np.unique(artists, return_inverse=True)
    album = Album(
        labels.astype(np.int64),
        label_names,
        np.array([face["image_path"] for face in faces]),
        (size, size, channels),
        partial(_read_face, folder, faces, size, channels),
    )
    licence = "CC BY-NC 2.0 (MetFaces by NVIDIA Corporation); source images CC0"
    return Source(album, np.zeros(len(faces), bool), licence, str(folder))


def read_faces(table: Path) -> list[dict[str, Any]]:
    """Return the entries of metfaces.json, sorted by the paths of their pictures.

    Raises:
        InputError: it is not such a list, or names a picture outside its folder.
    """
    faces = read_json(table)
    keys = ("obj_id", "image_path", "image_md5", "artist_display_name")
    for face in faces if isinstance(faces, list) else [faces]:
        if not isinstance(face, dict) or not all(isinstance(face.get(key), str) for key in keys):
            raise InputError(
                f"{table} has an entry without {', '.join(keys)}, expected the list of MetFaces; "
                "download it again."
            )
        if not (table.parent / face["image_path"]).resolve().is_relative_to(table.parent.resolve()):
            raise InputError(
                f"{table} names {face['image_path']}, expected a picture in {table.parent}; "
                "download it again."
            )
    return sorted(faces, key=lambda face: face["image_path"])


def _read_face(
    folder: Path, faces: list[dict[str, Any]], size: int, channels: int, row: int
) -> np.ndarray:
    """Return a face of MetFaces as (size, size, channels) uint8, checked against its md5."""
    file = folder / faces[row]["image_path"]
    try:
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} cannot be read ({error.strerror}); download it again.") from error
    digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
    if digest != faces[row]["image_md5"]:
        raise InputError(
            f"{file} has md5 {digest}, expected {faces[row]['image_md5']}; download it again."
        )
    return cut_to_square(
        open_picture(io.BytesIO(data), channels=channels, name=str(file)), size=size
    )
