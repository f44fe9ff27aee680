"""Counterfactual universes: the exchange format of the method's authors, files named .ctf.

An uncompressed tar file of sheets of 8-bit pictures:

- config.json: Format, TrainingUnits U, NumberGenerated B, and TrainHeight, TrainWidth, TrainChannel,
  GenHeight, GenWidth, GenChannel;
- training_set.png if Format is ONEFILE: the picture of each unit. With any other Format,
  train_{i}_{k}.png for each unit, with its k pictures;
- factual.png: the B factual samples;
- leave_{i}_out.png for each unit, from 1: the B counterfactuals without it.

A sheet holds its pictures line by line, from the top left. Sheets written here have one picture per
line, like those of the authors' program. Our pictures are rounded to 8 bits, theirs truncated.

Source: src/CounterfactualLoader.py at 1c7e468 and demo/script_generate_universe.py at 562effa of
zheng-dai/counterfactualuniverses.
"""

import io
import json
import re
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from encoded_ensembles.storage.files import InputError, replacing
from encoded_ensembles.storage.seals import seal_archive

CONFIG, TRAINING, FACTUAL = "config.json", "training_set.png", "factual.png"
ONE_FILE, MANY_FILES = "ONEFILE", "MULTIFILE"
LEAVE = re.compile(r"leave_([1-9][0-9]{0,6})_out\.png")
TRAIN = re.compile(r"train_([1-9][0-9]{0,6})_([1-9][0-9]{0,6})\.png")
LARGEST = {  # largest values in config.json
    "TrainingUnits": 1_000_000, "NumberGenerated": 100_000,
    "TrainHeight": 1024, "TrainWidth": 1024, "TrainChannel": 3,
    "GenHeight": 1024, "GenWidth": 1024, "GenChannel": 3,
}  # fmt: skip
SHEET_PIXELS = 2**27  # limit of one sheet
SHEET_BYTES = 2**28  # limit of one file in the tar
CONFIG_BYTES = 2**16


# DEVIATES: Rounded sheets.
def write_universe(
    path: Path,
    *,
    images: np.ndarray,
    unit_of: np.ndarray,
    factual: np.ndarray,
    counterfactuals: Iterable[np.ndarray],
) -> None:
    """Write a universe; equal pictures give equal bytes.

    Args:
        path: the .ctf file.
        images: training images (N, H, W, C) uint8.
        unit_of: (N,) int64, each unit 0..U-1 at least once.
        factual: s (B, H, W, C) uint8.
        counterfactuals: U of shape (B, H, W, C) uint8, in the order of the units.

    Raises:
        ValueError: the number of arrays of counterfactuals is not U, or one has another shape.
    """
    counts = np.bincount(unit_of)
    single = bool((counts == 1).all()) and images[..., 0].size <= SHEET_PIXELS
    numbers = [len(counts), len(factual), *images.shape[1:], *factual.shape[1:]]
    config = {"Format": ONE_FILE if single else MANY_FILES}
    with replacing(path) as temporary, tarfile.open(temporary, "w") as tar:
        _add(tar, CONFIG, json.dumps(config | dict(zip(LARGEST, numbers, strict=True))).encode())
        if single:
            _add(tar, TRAINING, _sheet(images[np.argsort(unit_of)]))
        else:
            for unit, count in enumerate(counts):
                _add(tar, f"train_{unit + 1}_{count}.png", _sheet(images[unit_of == unit]))
        _add(tar, FACTUAL, _sheet(factual))
        unit = 0
        for unit, pictures in enumerate(counterfactuals, start=1):
            if pictures.shape != factual.shape:
                raise ValueError(f"unit {unit - 1} has shape {pictures.shape}, not {factual.shape}")
            _add(tar, f"leave_{unit}_out.png", _sheet(pictures))
        if unit != len(counts):
            raise ValueError(f"{unit} arrays of counterfactuals for {len(counts)} units")


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def _sheet(images: np.ndarray) -> bytes:
    """Return (N, H, W, C) uint8 images below each other, as PNG."""
    from PIL import Image

    count, height, width, channels = images.shape
    pixels = images.reshape(count * height, width, channels)
    content = io.BytesIO()
    Image.fromarray(pixels[..., 0] if channels == 1 else pixels).save(content, "PNG")
    return content.getvalue()


def write_floats(
    path: Path,
    *,
    unit_names: np.ndarray,
    factual: np.ndarray,
    counterfactuals: Iterable[np.ndarray],
) -> None:
    """Write the numbers before rounding to 8 bits: an uncompressed .npz, written unit by unit.

    Args:
        path: the .npz file.
        unit_names: (U,) str.
        factual: s (B, C, H, W) float32.
        counterfactuals: U of shape (B, C, H, W) float32, in the order of the units.
    """
    shape = (len(unit_names), *factual.shape)
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    with replacing(path) as temporary:
        with zipfile.ZipFile(temporary, "w") as archive:
            for name, array in {"unit_names": unit_names, "factual": factual}.items():
                with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w") as file:
                    np.lib.format.write_array(file, array, allow_pickle=False)
            entry = zipfile.ZipInfo("counterfactuals.npy")
            with archive.open(entry, "w", force_zip64=True) as file:
                np.lib.format.write_array_header_2_0(file, header)
                for samples in counterfactuals:
                    file.write(np.ascontiguousarray(samples, "<f4").tobytes())
        seal_archive(temporary)


@dataclass(frozen=True)
class Files:
    """The content of an open tar file."""

    path: Path
    tar: tarfile.TarFile
    entries: dict[str, tarfile.TarInfo]

    def read(self, name: str, largest: int) -> bytes:
        """Return the bytes of one file.

        Raises:
            InputError: it is missing, too large, or truncated.
        """
        entry = self.entries.get(name)
        if entry is None:
            raise InputError(f"{self.path} holds no {name}, expected in its Format.")
        if entry.size > largest:
            raise InputError(
                f"{name} in {self.path} has {entry.size} bytes, expected at most {largest}."
            )
        file = self.tar.extractfile(entry)
        content = file.read() if file else b""
        if len(content) != entry.size:
            raise InputError(f"{self.path} is truncated within {name}; copy it again.")
        return content


@dataclass(frozen=True)
class Universe:
    """An open universe.

    Attributes:
        files: its files.
        one_file: the training images are on one sheet.
        units: U.
        samples: B.
        training_shape: (H, W, C) of training images.
        shape: (H, W, C) of samples.
    """

    files: Files
    one_file: bool
    units: int
    samples: int
    training_shape: tuple[int, int, int]
    shape: tuple[int, int, int]

    def training(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the training images (N, H, W, C) uint8, and unit_of (N,) int64."""
        if self.one_file:
            return self._sheet(TRAINING, self.units, self.training_shape), np.arange(self.units)
        files = self._numbered(TRAIN)
        sheets = [self._sheet(name, count, self.training_shape) for _, count, name in files]
        return np.concatenate(sheets), np.repeat(np.arange(self.units), [len(s) for s in sheets])

    def factual(self) -> np.ndarray:
        """Return the factual samples (B, H, W, C) uint8."""
        return self._sheet(FACTUAL, self.samples, self.shape)

    def counterfactuals(self) -> Iterator[np.ndarray]:
        """Yield the counterfactuals (B, H, W, C) uint8 of each unit in turn."""
        for _, _, name in self._numbered(LEAVE):
            yield self._sheet(name, self.samples, self.shape)

    def _numbered(self, kind: re.Pattern[str]) -> list[tuple[int, int, str]]:
        """Return files in order: number of the unit, number of pictures (0 if not in the name), name."""
        matches = [match for name in self.files.entries if (match := kind.fullmatch(name))]
        files = sorted((int(found[1]), int((*found.groups(), 0)[1]), found[0]) for found in matches)
        if [number for number, _, _ in files] != list(range(1, self.units + 1)):
            raise InputError(
                f"{self.files.path} has {len(files)} files like {kind.pattern}, expected one for each "
                f"unit from 1 to {self.units} (TrainingUnits in {CONFIG})."
            )
        return files

    def _sheet(self, name: str, count: int, shape: tuple[int, int, int]) -> np.ndarray:
        """Return the first `count` pictures of a sheet, checking its size before reading its pixels."""
        from PIL import Image

        height, width, channels = shape
        content, place = self.files.read(name, SHEET_BYTES), f"{name} in {self.files.path}"
        try:
            with Image.open(io.BytesIO(content), formats=["PNG"]) as sheet:
                across, down = sheet.width // width, sheet.height // height
                whole = (across * width, down * height) == sheet.size
                # a grid may end in empty cells, but not in an empty line
                fits = 0 <= across * down - count < max(across, 1)
                mode = {1: "L", 3: "RGB"}[channels]
                few = sheet.width * sheet.height <= SHEET_PIXELS
                if not (whole and fits and few and sheet.mode == mode):
                    raise InputError(
                        f"{place} is {sheet.width}x{sheet.height} {sheet.mode}, expected {count} "
                        f"pictures of {width}x{height} {mode}, {SHEET_PIXELS} pixels at most."
                    )
                pixels = np.asarray(sheet)
        except InputError:
            raise
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise InputError(f"{place} is not a whole PNG ({error}).") from error
        grid = pixels.reshape(down, height, across, width, channels).swapaxes(1, 2)
        return grid.reshape(-1, *shape)[:count]


@contextmanager
def open_universe(path: Path) -> Iterator[Universe]:
    """Open a universe without extracting any file to disk.

    Raises:
        InputError: the file is not a universe, or holds other files.
    """
    try:
        with tarfile.open(path, "r:") as tar:
            entries: dict[str, tarfile.TarInfo] = {}
            for entry in tar:
                name = entry.name
                known = name in (CONFIG, TRAINING, FACTUAL)
                known = known or bool(LEAVE.fullmatch(name) or TRAIN.fullmatch(name))
                if not (known and entry.isreg()) or name in entries:
                    raise InputError(
                        f"{path} holds {name[:80]!r}, expected only {CONFIG}, {TRAINING}, {FACTUAL}, "
                        "train_*_*.png and leave_*_out.png, each a file and once."
                    )
                entries[name] = entry
            yield _configured(Files(path, tar, entries))
    except tarfile.TarError as error:
        raise InputError(f"{path} is not a whole tar file ({error}), as a .ctf is.") from error


def _configured(files: Files) -> Universe:
    """Return the universe that config.json describes."""
    content = files.read(CONFIG, CONFIG_BYTES)
    try:
        config = json.loads(content)
        numbers = [config[key] for key in LARGEST]
        one_file = config["Format"] == ONE_FILE
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(
            f"{CONFIG} in {files.path} is not as expected ({error!r}): a JSON object with Format, "
            f"{', '.join(LARGEST)}."
        ) from error
    for (key, largest), value in zip(LARGEST.items(), numbers, strict=True):
        channels = key.endswith("Channel")
        if type(value) is not int or not 1 <= value <= largest or (channels and value == 2):
            wanted = "1 or 3" if channels else f"1 to {largest}"
            raise InputError(
                f"{key} in {CONFIG} of {files.path} is {str(value)[:20]}, expected {wanted}."
            )
    units, samples, *sides = numbers
    training, shape = (sides[0], sides[1], sides[2]), (sides[3], sides[4], sides[5])
    return Universe(files, one_file, units, samples, training, shape)
