"""Seals: a file holds the SHA-256 of all its other bytes, so that reading detects damage.

A seal is a line of text where the format allows comments: the metadata of safetensors and parquet,
the comment of a .npz, a key of a JSON file, a comment at the end of PDF, HTML and YAML. Every other
program can still read the files. For formats without comments (CSV, PNG, diffusers' config.json) the
digest is in the seal of a file beside them, their keeper.

The line is `sha256-without-this:` and 64 digits, then ` name:digest` for each file kept. The digest is
of the bytes of the whole file with 64 zeros in place of the 64 digits.
"""

import hashlib
import re
import zipfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, NamedTuple

MARK = b"sha256-without-this:"
BLANK = b"0" * 64
HEAD = 4096  # bytes: a seal is within these first bytes, or is the last one in the file
TAILS = (1 << 12, 1 << 20)  # bytes from the end that are searched first
KEPT = re.compile(rb" ([\w.-]+):([0-9a-f]{64})")


class Seal(NamedTuple):
    """The result of reading a seal.

    Attributes:
        problem: what is wrong with the file; None if it is unchanged.
        kept: digests of the files beside it whose keeper it is, by name.
    """

    problem: str | None
    kept: Mapping[str, str]


def blank_seal(kept: Mapping[str, str] | None = None) -> str:
    """Return the seal with zeros for digits, which `seal` later replaces.

    Args:
        kept: digests of files beside it, by name.
    """
    entries = "".join(f" {name}:{digest}" for name, digest in sorted((kept or {}).items()))
    return (MARK + BLANK).decode() + entries


def seal(path: Path) -> None:
    """Fill in the blank seal of a file.

    Raises:
        ValueError: it has no blank seal.
    """
    with path.open("r+b") as file:
        place = _find(file)
        file.seek(place or 0)
        if place is None or file.read(len(BLANK)) != BLANK:
            raise ValueError(f"{path} holds no blank seal")
        digest = _digest(file, place)
        file.seek(place)
        file.write(digest)


def seal_archive(path: Path) -> None:
    """Write a seal into the comment of a .zip or .npz file."""
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = blank_seal().encode()
    seal(path)


def is_sealed(path: Path) -> bool:
    """Return whether a file holds a seal, valid or not."""
    with path.open("rb") as file:
        return _find(file) is not None


def read_seal(path: Path) -> Seal:
    """Check a file against its seal; cached while the file is unchanged, because hashing is slow.

    Raises:
        OSError: the file cannot be read.
    """
    facts = path.stat()
    return _read(str(path.absolute()), (facts.st_ino, facts.st_size, facts.st_mtime_ns))


@lru_cache(maxsize=1024)
def _read(path: str, _state: tuple[int, ...]) -> Seal:
    """Check a file; `_state` (inode, size, time of change) is the key of the cache."""
    with Path(path).open("rb") as file:
        place = _find(file)
        if place is None:
            return Seal("it has no seal, or is of an earlier version", {})
        file.seek(place)
        if file.read(len(BLANK)) != _digest(file, place):
            return Seal("its SHA-256 differs from the one in its seal", {})
        file.seek(place + len(BLANK))
        text, kept = file.read(HEAD), {}
        while match := KEPT.match(text):
            kept[match[1].decode()] = match[2].decode()
            text = text[match.end() :]
        return Seal(None, kept)


def _find(file: BinaryIO) -> int | None:
    """Return the position of the digits of a file's seal, or None."""
    file.seek(0)
    place = file.read(HEAD).find(MARK)
    if place >= 0:
        return place + len(MARK)
    size = file.seek(0, 2)
    for length in (*TAILS, size):
        start = max(0, size - length)
        file.seek(start)
        place = file.read(length).rfind(MARK)
        if place >= 0:
            return start + place + len(MARK)
    return None


def _digest(file: BinaryIO, place: int) -> bytes:
    """Return the digest of a file with zeros at `place`, in hexadecimal."""
    digest, left = hashlib.sha256(), place
    file.seek(0)
    while left:
        chunk = file.read(min(left, 1 << 20))
        digest.update(chunk)
        left -= len(chunk)
    digest.update(BLANK)
    file.seek(place + len(BLANK))
    while chunk := file.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest().encode()
