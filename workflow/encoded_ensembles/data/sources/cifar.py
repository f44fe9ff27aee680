"""CIFAR-10, CIFAR-100 and ArtBench-10: 32x32 in colour, in the binary format of CIFAR.

The binary archives hold the same images as the Python archives, whose files are pickles. They are read
without unpacking to the disk, so no archive can write a file outside its folder.
"""

import tarfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from encoded_ensembles.data.images import ImageSet
from encoded_ensembles.data.source import Source
from encoded_ensembles.data.sources.download import Check, digest_check, obtain
from encoded_ensembles.storage.files import InputError

SIDE = 32
PIXELS = 3 * SIDE * SIDE
LARGEST = 1 << 28  # bytes of a packed archive; the largest has 170 MB
LISTED = 1 << 16  # largest size of a list of labels in bytes

# Of ArtBench no digest is published, so a damaged download is not noticed when it is taken from the cache.
AGAIN = " and run again, or with dataset.path download again"


class Archive(NamedTuple):
    """A .tar.gz of batches: records of label bytes and then 3072 bytes, channels first."""

    name: str  # of the data set and its download folder
    address: str
    digest: str | None  # None if none is published
    folder: str  # in the archive
    training: tuple[str, ...]
    test: str
    labels: str  # the list of labels, one per line
    label_bytes: int  # per record; the last byte is used
    licence: str

    @property
    def file(self) -> str:
        """The file name of the archive."""
        return self.address.rpartition("/")[2]


BATCHES = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
NO_TERMS = "no terms stated; cite Krizhevsky, Learning Multiple Layers of Features, 2009"
CIFAR10 = Archive(
    "cifar10",
    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    "sha256:c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    "cifar-10-batches-bin", BATCHES, "test_batch.bin", "batches.meta.txt", 1, NO_TERMS,
)  # fmt: skip
CIFAR100 = Archive(
    "cifar100",
    "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
    "sha256:58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
    "cifar-100-binary", ("train.bin",), "test.bin", "fine_label_names.txt", 2, NO_TERMS,
)  # fmt: skip
ARTBENCH = Archive(
    "artbench",
    "https://artbench.eecs.berkeley.edu/files/artbench-10-binary.tar.gz",
    None,
    "artbench-10-batches-bin", BATCHES, "test_batch.bin", "batches.meta.txt", 1,
    "fair use for research, as its authors say; cite Liao et al., arXiv 2206.11404",
)  # fmt: skip
ARTBENCH_TABLE = "https://artbench.eecs.berkeley.edu/files/ArtBench-10.csv"


def load_cifar10(path: Path | None, cache: Path, mirror: str | None) -> Source:
    """Return CIFAR-10: 50,000 + 10,000 images, 32x32 in colour, of ten classes."""
    return load_archive(CIFAR10, path, cache, mirror)


def load_cifar100(path: Path | None, cache: Path, mirror: str | None) -> Source:
    """Return CIFAR-100: 50,000 + 10,000 images, 32x32 in colour, labelled by its hundred classes."""
    return load_archive(CIFAR100, path, cache, mirror)


def load_artbench(path: Path | None, cache: Path, mirror: str | None) -> Source:
    """Return ArtBench-10 at 32x32: 50,000 + 10,000 paintings, labelled by their artists.

    No digest of its files is published: the check is that table and batches have the same style for
    every image.

    Raises:
        InputError: a file is missing or damaged, or the table does not belong to the batches.
    """
    styles, is_test = read_archive(ARTBENCH, path, cache, mirror)
    table = _file(ARTBENCH_TABLE, None, ARTBENCH.name, path, cache, mirror)
    artist_of, style_of = read_artbench_table(table)
    names, batch_styles = styles.names.tolist(), styles.label_names[styles.labels].tolist()
    wrong = [
        name for name, style in zip(names, batch_styles, strict=True) if style_of.get(name) != style
    ]
    if wrong:
        raise InputError(
            f"{table} and {table.with_name(ARTBENCH.file)} have different styles for {len(wrong)} images, "
            f"such as {wrong[0]}; delete both{AGAIN}."
        )
    label_names, labels = np.unique([artist_of[name] for name in names], return_inverse=True)
    images = ImageSet(styles.images, labels.astype(np.int64), label_names, styles.names)
    return Source(images, is_test, ARTBENCH.licence, str(path or mirror or ARTBENCH.address))


def read_artbench_table(table: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Return the artist and the style of each image by its name, such as train/00000.

    Raises:
        InputError: the table cannot be read, or lacks a column.
    """
    import pandas as pd

    columns = ["artist", "label", "split", "cifar_index"]
    try:
        rows = pd.read_csv(table, usecols=columns, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{table} cannot be read as a table with {', '.join(columns)} ({error}); delete "
            f"it{AGAIN}."
        ) from error
    names = (rows["split"] + "/" + rows["cifar_index"].str.zfill(5)).tolist()
    return (
        dict(zip(names, rows["artist"].tolist(), strict=True)),
        dict(zip(names, rows["label"].tolist(), strict=True)),
    )


def load_archive(known: Archive, path: Path | None, cache: Path, mirror: str | None) -> Source:
    """Return a data set of CIFAR's binary format with its official parts."""
    images, is_test = read_archive(known, path, cache, mirror)
    return Source(images, is_test, known.licence, str(path or mirror or known.address))


def read_archive(
    known: Archive, path: Path | None, cache: Path, mirror: str | None
) -> tuple[ImageSet, np.ndarray]:
    """Return the images train/00000 ... and test/00000 ... of an archive, and which are test (N,).

    Raises:
        InputError: the archive is missing, damaged, or not the published one.
    """
    file = _file(known.address, known.digest, known.name, path, cache, mirror)
    batches = read_members(
        file, [f"{known.folder}/{name}" for name in (*known.training, known.test)]
    )
    listed = read_members(file, [f"{known.folder}/{known.labels}"], largest=LISTED)[0]
    label_names = np.array(listed.decode("utf-8", "replace").split())
    images, labels, names = [], [], []
    for part, records in (("train", batches[:-1]), ("test", batches[-1:])):
        try:
            pixels, label = parse_records(b"".join(records), label_bytes=known.label_bytes)
        except InputError as error:
            raise InputError(f"In {file}, {error}") from error
        images.append(pixels)
        labels.append(label)
        names += [f"{part}/{i:05d}" for i in range(len(pixels))]
    all_labels = np.concatenate(labels)
    if all_labels.max() >= len(label_names):
        raise InputError(
            f"{file} has label {all_labels.max()}, expected less than {len(label_names)}, the "
            f"number of labels in {known.labels}; delete it{AGAIN}."
        )
    image_set = ImageSet(np.concatenate(images), all_labels, label_names, np.array(names))
    return image_set, np.arange(len(names)) >= len(images[0])


def _file(
    address: str,
    digest: str | None,
    name: str,
    path: Path | None,
    cache: Path,
    mirror: str | None,
) -> Path:
    """Return a file of a data set: from the folder `path`, or downloaded to `cache`/`name`.

    Raises:
        InputError: it cannot be obtained, or is not the published file.
    """
    file = address.rpartition("/")[2]
    check: Check = digest_check(digest) if digest else lambda file: None
    if path is None:
        addresses = [f"{mirror.rstrip('/')}/{file}"] if mirror else [address]
        return obtain(cache / name / file, addresses, check=check, largest=LARGEST)
    if not (path / file).is_file():
        raise InputError(
            f"dataset.path is {path}, expected a folder with {file}; put the file there, or remove "
            "dataset.path to download it."
        )
    check(path / file)
    return path / file


def read_members(file: Path, names: list[str], *, largest: int = LARGEST) -> list[bytes]:
    """Return the bytes of the members of a .tar.gz, in the order of `names`.

    Raises:
        InputError: the archive is damaged, lacks a member, or a member is not a plain file or too large.
    """
    try:
        with tarfile.open(file, "r:gz") as archive:
            return [_read_member(archive, name, largest) for name in names]
    except (tarfile.TarError, EOFError, OSError, KeyError, zlib.error) as error:
        raise InputError(
            f"{file} is not a whole archive with {', '.join(names)} ({error}); delete it{AGAIN}."
        ) from error


def _read_member(archive: tarfile.TarFile, name: str, largest: int) -> bytes:
    """Return the bytes of a member; TarError if it is not a plain file or too large."""
    member = archive.getmember(name)
    opened = archive.extractfile(member) if member.isfile() else None
    if opened is None or member.size > largest:
        raise tarfile.TarError(f"{name} is not a plain file of at most {largest} bytes")
    return opened.read()


def parse_records(batch: bytes, *, label_bytes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the images (N, 32, 32, 3) uint8 and labels (N,) int64 of a batch.

    Source: https://www.cs.toronto.edu/~kriz/cifar.html, "Binary version".

    Raises:
        InputError: the batch is empty or does not hold whole records.
    """
    length = label_bytes + PIXELS
    if not batch or len(batch) % length:
        raise InputError(
            f"a batch has {len(batch)} bytes, expected a multiple of {length}; delete its "
            f"archive{AGAIN}."
        )
    records = np.frombuffer(batch, np.uint8).reshape(-1, length)
    images = records[:, label_bytes:].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), records[:, label_bytes - 1].astype(np.int64)
