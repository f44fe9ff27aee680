"""Reading and writing files: whole or not at all, and never by unpickling.

Every writer fills a temporary file beside its target and renames it, so that a reader never sees
half a file and a killed job leaves its earlier output as it was.
"""

import difflib
import hashlib
import json
import math
import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


class InputError(ValueError):
    """A mistake in what the user gave: shown as one sentence, without a traceback."""


def close_matches(name: str, known: list[str], *, otherwise: str = ".") -> str:
    """Return how to end a sentence about an unknown name: the closest known one, or `otherwise`."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else otherwise


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; rename it to `path` if the block succeeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Of this machine too: on a shared disk, jobs of two nodes can have the same number.
    temporary = path.with_name(f".{path.name}.{platform.node()}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, facts: Mapping[str, Any]) -> None:
    """Write `facts` as indented JSON with sorted keys."""
    write_text(path, json.dumps(facts, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        InputError: the file is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not valid JSON ({error}); delete it and run again.") from error


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write named arrays to a compressed .npz without pickles; equal arrays give equal bytes.

    Raises:
        ValueError: an array holds Python objects.
    """
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read every array of an .npz file.

    Raises:
        InputError: the file is damaged, or is not such a file.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise
    except Exception as error:  # zipfile, zlib and numpy each raise their own
        raise InputError(f"{path} is damaged ({error}); delete it and run again.") from error
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):  # as NumPy hands out what is no array
            raise InputError(f"{path} holds {name}, expected arrays only; delete it and run again.")
    return arrays


def short_digest(parts: Iterable[object]) -> str:
    """Return eight hexadecimal digits that stand for some parts, in a file's name say."""
    joined = "\n".join(map(str, parts))
    return hashlib.sha256(joined.encode("utf-8", "surrogateescape")).hexdigest()[:8]


def ledger_file(folder: Path | None, name: str, *parameters: object) -> Path | None:
    """Return the file that remembers earlier results made with these parameters, or None."""
    return None if folder is None else folder / f"{name}-{short_digest(parameters)}.npz"


def read_ledger(path: Path | None) -> dict[str, np.ndarray] | None:
    """Return the arrays of a ledger, or None where nothing is remembered.

    Raises:
        InputError: the file is damaged.
    """
    return read_arrays(path) if path and path.is_file() else None


def write_tensors(path: Path, tensors: Mapping[str, np.ndarray]) -> None:
    """Write named arrays as safetensors."""
    from safetensors.numpy import save_file

    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    with replacing(path) as temporary:
        save_file(contiguous, temporary)


def write_growing(
    path: Path,
    tensors: Mapping[str, np.ndarray],
    *,
    name: str,
    shape: tuple[int, ...],
    rows: Iterable[np.ndarray],
) -> None:
    """Write a safetensors file of which one tensor is too large to hold, in the bytes of `write_tensors`.

    Source: the format, https://github.com/huggingface/safetensors#format.

    Args:
        path: of the file.
        tensors: int64, those that are whole already.
        name: of the large one, float32.
        shape: of the large one, (A, ...).
        rows: its next rows (a, ...) each time, A in all.

    Raises:
        ValueError: there are more or fewer rows.
    """
    whole = {key: np.ascontiguousarray(tensors[key], "<i8") for key in sorted(tensors)}
    parts = [(key, "I64", each.shape, each.nbytes) for key, each in whole.items()]
    header, end = {}, 0
    for key, kind, dims, size in [*parts, (name, "F32", shape, 4 * math.prod(shape))]:
        header[key] = {"dtype": kind, "shape": list(dims), "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for each in whole.values():
            file.write(each.tobytes())
        for chunk in rows:
            file.write(chunk.astype("<f4", copy=False).tobytes())
        if file.tell() != 8 + len(text) + end:
            raise ValueError(f"{name} has {file.tell()} bytes, expected {8 + len(text) + end}")


def read_tensors(path: Path, *, names: list[str] | None = None) -> dict[str, np.ndarray]:
    """Read all tensors of a safetensors file, or those in `names`.

    Raises:
        InputError: the file is damaged, is not safetensors, or lacks one of `names`.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in names or file.keys()}
    except SafetensorError as error:
        raise InputError(
            f"{path} is not a whole safetensors file ({error}); delete it and run again."
        ) from error


def tensor_names(path: Path) -> list[str]:
    """Return the names of the tensors in a safetensors file.

    Raises:
        InputError: the file is damaged, or is not safetensors.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return list(file.keys())
    except SafetensorError as error:
        raise InputError(
            f"{path} is not a whole safetensors file ({error}); delete it and run again."
        ) from error


def write_table(path: Path, table: "pd.DataFrame") -> None:
    """Write a table as parquet to `path` and as CSV beside it."""
    with replacing(path) as temporary:
        table.to_parquet(temporary, index=False)
    write_text(path.with_suffix(".csv"), table.to_csv(index=False))
