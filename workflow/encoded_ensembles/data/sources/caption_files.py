"""Captions of a folder's pictures: NAME.txt beside each, or metadata with file_name and text."""

import csv
import json
import posixpath
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np

from encoded_ensembles.data.captions import Captions, one_line
from encoded_ensembles.data.sources.pictures import shown
from encoded_ensembles.storage.files import InputError

METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
NAME, TEXT = "file_name", "text"  # columns, as in Hugging Face's imagefolder
LARGEST = 1 << 16  # bytes of a NAME.txt


class Entry(NamedTuple):
    """A caption as a file gives it.

    Attributes:
        place: the file in the folder, and the line in it.
        picture: name of the picture; of a NAME.txt, the path of the file itself.
        text: on one line.
    """

    place: str
    picture: str
    text: str


def is_caption_file(file: Path) -> bool:
    """Return whether a file holds captions, going by its name."""
    return file.suffix.lower() == ".txt" or file.name in METADATA


def read_captions(folder: Path, files: Sequence[Path], names: Sequence[str]) -> Captions:
    """Return the captions of a folder's pictures.

    Args:
        folder: of the pictures.
        files: its caption files, as `is_caption_file` says.
        names: of the pictures, by path in the folder.

    Raises:
        InputError: a file cannot be read, a picture has two captions, or no picture has any.
    """
    known, of_stem, extra = set(names), defaultdict(list), []
    for name in names:
        of_stem[str(PurePosixPath(name).with_suffix(""))].append(name)
    entry_of: dict[str, Entry] = {}
    for file in sorted(files):
        for entry in read_entries(file, file.relative_to(folder).as_posix()):
            if file.name in METADATA:
                pictures = [entry.picture] if entry.picture in known else []
            else:
                pictures = of_stem.get(str(PurePosixPath(entry.picture).with_suffix("")), [])
            if not pictures:
                extra.append(entry.picture)
            for picture in pictures:
                _check_single(picture, entry, entry_of.setdefault(picture, entry))
    if not entry_of:
        raise InputError(
            f"dataset.captions is true, but {folder} holds no caption of its {len(names)} pictures "
            f"({len(extra)} of no picture{_such_as(extra)}), expected NAME.txt beside a picture, or "
            f"{', '.join(METADATA)} with {NAME} (such as {shown(names[0])}) and {TEXT}; add them, or set "
            "dataset.captions to false."
        )
    texts = [entry_of[name].text if name in entry_of else "" for name in names]
    return Captions(
        np.array(texts, dtype=str),
        missing=tuple(name for name in names if name not in entry_of),
        empty=tuple(name for name in names if name in entry_of and not entry_of[name].text),
        extra=tuple(extra),
    )


def _such_as(names: Sequence[str]) -> str:
    return f", such as {shown(names[0])}" if names else ""


def _check_single(picture: str, entry: Entry, first: Entry) -> None:
    """Check that a picture has no other caption; the same text beside it and in metadata is one.

    Raises:
        InputError: it has.
    """
    repeated = first.place.partition(" line ")[0] == entry.place.partition(" line ")[0]
    if first is not entry and (repeated or first.text != entry.text):
        raise InputError(
            f"{shown(picture)} has two captions, in {shown(first.place)} and in {shown(entry.place)}, "
            "expected one; delete the other."
        )


def read_entries(file: Path, name: str) -> Iterator[Entry]:
    """Yield the captions in a file.

    Args:
        file: NAME.txt or one of `METADATA`.
        name: its path in the folder of the pictures.

    Raises:
        InputError: it cannot be read.
    """
    try:
        if not file.is_file():
            raise InputError(f"{shown(name)} is no plain file, expected captions; remove it.")
        if file.name not in METADATA:
            yield Entry(name, name, _read_text(file, name))
            return
        read = {".csv": _read_csv, ".jsonl": _read_json_lines, ".parquet": _read_parquet}
        folder = posixpath.dirname(name)
        for place, row in read[file.suffix](file, name):
            picture, text = _check_row(row, place)
            yield Entry(place, posixpath.normpath(posixpath.join(folder, picture)), one_line(text))
    except UnicodeDecodeError as error:
        raise InputError(
            f"{shown(name)} is not UTF-8 (byte {error.start}), expected captions in UTF-8; save it as UTF-8."
        ) from error
    except OSError as error:
        raise InputError(
            f"{shown(name)} cannot be read ({error.strerror or error}), expected captions; repair it."
        ) from error


def _read_text(file: Path, name: str) -> str:
    """Return the caption in a NAME.txt.

    Raises:
        InputError: the file is too large.
    """
    size = file.stat().st_size
    if size > LARGEST:
        raise InputError(
            f"{shown(name)} has {size} bytes, expected a caption of at most {LARGEST}; shorten it or move "
            "it out of the folder."
        )
    return one_line(file.read_text(encoding="utf-8-sig"))


def _check_row(row: Any, place: str) -> tuple[str, str]:
    """Return the picture and the text of a row; a text that is null is empty.

    Raises:
        InputError: a column is missing, or is no text.
    """
    if not isinstance(row, dict):
        raise InputError(
            f"{shown(place)} is no object, expected one with {NAME} and {TEXT}; correct the line."
        )
    if missing := [key for key in (NAME, TEXT) if key not in row]:
        raise InputError(
            f"{shown(place)} has {', '.join(map(shown, map(str, row))) or 'no column'}, expected {NAME} and "
            f"{TEXT}; add {' and '.join(missing)}, or rename a column."
        )
    picture, text = row[NAME], "" if row[TEXT] is None else row[TEXT]
    for key, value in ((NAME, picture), (TEXT, text)):
        if not isinstance(value, str):
            raise InputError(
                f"{shown(place)} has {value!r} as {key}, expected text; put it in quotes, one caption "
                "for each picture."
            )
        if value != value.encode("utf-8", "ignore").decode():
            raise InputError(
                f"{shown(place)} has {shown(value)} as {key}, expected text that UTF-8 can hold; correct it."
            )
    if not picture:
        raise InputError(f"{shown(place)} names no picture, expected its {NAME}; add it.")
    return picture, text


def _read_json_lines(file: Path, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the place and the value of each line that is not blank."""
    for number, line in enumerate(file.read_bytes().split(b"\n"), start=1):
        place = f"{name} line {number}"
        if not line.strip():
            continue
        try:
            value = json.loads(line.decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"{shown(place)} is not JSON ({str(error).splitlines()[0]}), expected an object with {NAME} and {TEXT} on "
                "one line; correct it."
            ) from error
        yield place, value


def _read_csv(file: Path, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the place and the cells of each row."""
    with file.open(encoding="utf-8-sig", newline="") as opened:
        rows = csv.reader(opened, strict=True, skipinitialspace=True)
        try:
            header = [cell.strip() for cell in next(rows, [])]
            _check_row(dict.fromkeys(header, "x"), f"{name} line 1")
            for row in rows:
                place = f"{name} line {rows.line_num}"
                if row and len(row) != len(header):
                    raise InputError(
                        f"{shown(place)} has {len(row)} columns, expected {len(header)}; put double quotes around a "
                        "text that holds commas."
                    )
                if row:
                    cells = dict(zip(header, row, strict=True))
                    yield place, cells | {NAME: cells[NAME].strip()}
        except csv.Error as error:
            raise InputError(
                f"{shown(name)} line {rows.line_num} is not CSV ({error}), expected commas between columns and double "
                "quotes around texts that hold commas; correct it."
            ) from error


def _read_parquet(file: Path, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the place and the values of each row."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        columns = pq.ParquetFile(file).schema_arrow.names
        _check_row(dict.fromkeys(columns, "x"), name)
        rows = pq.read_table(file, columns=[NAME, TEXT]).to_pylist()
    except (pa.ArrowException, ValueError) as error:
        raise InputError(
            f"{shown(name)} is no parquet table ({str(error).splitlines()[0]}), expected columns {NAME} and {TEXT}; "
            "write it again."
        ) from error
    for number, row in enumerate(rows, start=1):
        yield f"{name} line {number}", row
