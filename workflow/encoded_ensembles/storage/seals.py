"""Seals: a file holds the SHA-256 of all its other bytes, so that damage is seen when it is read.

A seal is a line of text in the place that a format has for remarks: the metadata of safetensors and
parquet, the comment of a .npz, a key of a JSON file, a comment at the end of PDF, HTML and YAML. The
files stay readable for every other program. Formats without such a place (CSV, PNG, diffusers'
config.json) get their digest into the seal of the file written beside them: their keeper.

The line is `sha256-without-this:` and 64 digits, then ` name:digest` for each file kept. What is
hashed are the bytes of the whole file with 64 zeros in place of the 64 digits.
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
HEAD = 4096  # bytes: a seal is within the first so many, or the last one in the file
TAILS = (1 << 12, 1 << 20)  # bytes from the end that are looked through first
KEPT = re.compile(rb" ([\w.-]+):([0-9a-f]{64})")


class Seal(NamedTuple):
    """What a seal says.

    Attributes:
        problem: what is wrong with the file; None if it is as it was written.
        kept: digests of the files beside it that it is the keeper of, by name.
    """

    problem: str | None
    kept: Mapping[str, str]


def blank_seal(kept: Mapping[str, str] | None = None) -> str:
    """Return the text that a file is written with, to be filled in by `seal`.

    Args:
        kept: digests of files beside it, by name.
    """
    beside = "".join(f" {name}:{digest}" for name, digest in sorted((kept or {}).items()))
    return (MARK + BLANK).decode() + beside


def seal(path: Path) -> None:
    """Fill in the blank seal of a file.

    Raises:
        ValueError: it holds none.
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
    """Say whether a file holds a seal, broken or not."""
    with path.open("rb") as file:
        return _find(file) is not None


def read_seal(path: Path) -> Seal:
    """Check a file against its seal; once for each state of the file, as hashing takes its time.

    Raises:
        OSError: it cannot be read.
    """
    facts = path.stat()
    return _read(str(path.absolute()), (facts.st_ino, facts.st_size, facts.st_mtime_ns))


@lru_cache(maxsize=1024)
def _read(path: str, _state: tuple[int, ...]) -> Seal:
    """Check a file in a given state."""
    with Path(path).open("rb") as file:
        place = _find(file)
        if place is None:
            return Seal("it holds no SHA-256 of itself, or is of an earlier version", {})
        file.seek(place)
        if file.read(len(BLANK)) != _digest(file, place):
            return Seal("its SHA-256 is not what it was when it was written", {})
        file.seek(place + len(BLANK))
        text, kept = file.read(HEAD), {}
        while match := KEPT.match(text):
            kept[match[1].decode()] = match[2].decode()
            text = text[match.end() :]
        return Seal(None, kept)


def _find(file: BinaryIO) -> int | None:
    """Return where the digits of a file's seal begin, or None."""
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
