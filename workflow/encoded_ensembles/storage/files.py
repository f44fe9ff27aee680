"""Reading and writing files: atomic writes, no pickles, and a check for damage on reading.

Every writer fills a temporary file beside its target and renames it: a reader never sees a partial
file, and a killed job leaves its earlier output unchanged. Files of a run are sealed (`seals`): every
reader in this module raises an error if the bytes changed since they were written.
"""

import hashlib
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from encoded_ensembles.storage.disk import explain, leftovers, temporary_file
from encoded_ensembles.storage.errors import Content, ForeignError, damaged
from encoded_ensembles.storage.errors import InputError as InputError
from encoded_ensembles.storage.errors import close_matches as close_matches
from encoded_ensembles.storage.seals import blank_seal, read_seal, seal, seal_archive
from encoded_ensembles.storage.tensor_format import Kind, header, order

if TYPE_CHECKING:
    import pandas as pd
    from safetensors import safe_open


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; rename it to `path` if the block succeeds.

    Temporary files that killed writers of the same file left are removed.

    Raises:
        InputError: the disk is full or not writable.
    """
    temporary = temporary_file(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for file in leftovers(path):
            file.unlink(missing_ok=True)
        yield temporary
        with temporary.open("rb") as opened:
            os.fsync(opened.fileno())
        temporary.replace(path)
    except OSError as error:
        if sentence := explain(error, path):
            raise InputError(sentence) from error
        raise
    finally:
        with suppress(OSError):  # of a read-only disk, for example
            temporary.unlink(missing_ok=True)


def check(path: Path) -> None:
    """Check a sealed file.

    Raises:
        InputError: its bytes are not those that were written.
        FileNotFoundError: it does not exist.
    """
    if problem := read_seal(path).problem:
        raise damaged(path, problem)


def check_kept(path: Path, *, keeper: Path) -> None:
    """Check a file against the digest in the seal of its keeper.

    Raises:
        InputError: its bytes are not those that were written, or the keeper is damaged.
        FileNotFoundError: one of the two does not exist.
    """
    check(keeper)
    if sha256_file(path) != read_seal(keeper).kept.get(path.name):
        raise InputError(
            f"{path} is damaged (its SHA-256 is not the one in {keeper.name}); delete it and run again."
        )


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_text(path: Path, text: str, *, remark: str | None = None) -> None:
    """Write `text` as UTF-8, followed by a seal in a comment of the form `remark`, such as "# {}"."""
    with replacing(path) as temporary:
        end = f"{remark.format(blank_seal())}\n" if remark else ""
        temporary.write_text(text + end, encoding="utf-8")
        if remark:
            seal(temporary)


def write_json(path: Path, facts: Mapping[str, Any]) -> None:
    """Write `facts` as indented JSON with sorted keys."""
    write_text(path, dump(facts))


def dump(facts: Mapping[str, Any]) -> str:
    """Return `facts` as JSON in the form that all files of this program have."""
    return json.dumps(facts, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def read_json(path: Path) -> Any:
    """Return the content of a JSON file.

    Raises:
        InputError: the file is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise damaged(path, f"it is not valid JSON: {error}") from error


def write_facts(
    path: Path, facts: Mapping[str, Any], *, kept: Mapping[str, str] | None = None
) -> None:
    """Write `facts` as JSON with a seal as the key `seal`.

    Args:
        path: of the file.
        facts: what to write, without a key `seal`.
        kept: digests of the files beside it whose keeper it is, by name.
    """
    with replacing(path) as temporary:
        temporary.write_text(dump({"seal": blank_seal(kept), **facts}), encoding="utf-8")
        seal(temporary)


def read_facts(path: Path) -> dict[str, Any]:
    """Return the facts that `write_facts` wrote.

    Raises:
        InputError: the file is damaged.
    """
    check(path)
    facts = read_json(path)
    del facts["seal"]
    return Content(path, facts)


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write named arrays to a compressed .npz without pickles; equal arrays give equal bytes.

    Raises:
        ValueError: an array holds Python objects.
    """
    with replacing(path) as temporary:
        with temporary.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)
        seal_archive(temporary)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return all arrays of an .npz file, by name.

    Raises:
        InputError: the file is damaged or not .npz; later, if an array is read that it lacks.
    """
    check(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except Exception as error:  # zipfile, zlib and numpy each raise their own
        raise ForeignError(path, f"{path} cannot be read as .npz of arrays ({error}).") from error
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):  # NumPy returns other content of a .zip as bytes
            raise ForeignError(path, f"{path} holds {name}, expected arrays only.")
    return Content(path, arrays)


def write_tensors(
    path: Path,
    tensors: Mapping[str, np.ndarray],
    *,
    metadata: Mapping[str, str] | None = None,
    kept: Mapping[str, str] | None = None,
) -> None:
    """Write named arrays as sealed safetensors; equal arrays give equal bytes.

    Args:
        path: of the file.
        tensors: the arrays.
        metadata: text to write into the file, by name.
        kept: digests of the files beside it whose keeper it is, by name.
    """
    arrays = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    shapes = {name: (array.dtype, np.shape(tensors[name])) for name, array in arrays.items()}
    with replacing(path) as temporary:
        with temporary.open("wb") as file:
            file.write(header(shapes, {"seal": blank_seal(kept), **(metadata or {})}))
            for name in order(shapes):
                array = arrays[name]
                file.write(array.astype(array.dtype.newbyteorder("<"), copy=False).data)
        seal(temporary)


def write_growing(
    path: Path,
    tensors: Mapping[str, np.ndarray],
    *,
    name: str,
    shape: tuple[int, ...],
    rows: Iterable[np.ndarray],
) -> None:
    """Write safetensors with one tensor too large for memory; the bytes equal those of `write_tensors`.

    Args:
        path: of the file.
        tensors: int64, all tensors except the large one.
        name: of the large tensor, float32.
        shape: of the large tensor, (A, ...).
        rows: blocks of its rows (a, ...) in order, A rows in total.

    Raises:
        ValueError: there are more or fewer rows.
    """
    shapes: dict[str, Kind] = {name: (np.dtype("f4"), shape)}
    shapes |= {key: (np.dtype("i8"), np.shape(tensor)) for key, tensor in tensors.items()}
    with replacing(path) as temporary:
        with temporary.open("wb") as file:
            file.write(header(shapes, {"seal": blank_seal()}))
            for key in order(shapes)[:-1]:
                file.write(np.ascontiguousarray(tensors[key], "<i8").tobytes())
            written = sum(file.write(chunk.astype("<f4", copy=False).tobytes()) for chunk in rows)
            if written != 4 * math.prod(shape):
                raise ValueError(f"{name} has {written} bytes, expected {4 * math.prod(shape)}")
        seal(temporary)


def read_tensors(path: Path, *, names: list[str] | None = None) -> dict[str, np.ndarray]:
    """Return all tensors of a safetensors file, or those in `names`, by name.

    Raises:
        InputError: the file is damaged, is not safetensors, or lacks one of `names`.
    """
    with open_tensors(path) as file:
        return {name: file.get_tensor(name) for name in names or file.keys()}


@contextmanager
def open_tensors(path: Path, *, framework: str = "numpy") -> Iterator["safe_open"]:
    """Open a safetensors file to read parts of it, or its metadata.

    Raises:
        InputError: the file is damaged, is not safetensors, or lacks a tensor that is read.
    """
    from safetensors import SafetensorError, safe_open

    check(path)
    try:
        with safe_open(path, framework=framework) as file:
            yield file
    except SafetensorError as error:
        raise ForeignError(
            path, f"{path} cannot be read as the expected safetensors file ({error})."
        ) from error


def write_table(path: Path, table: "pd.DataFrame") -> None:
    """Write a table as parquet to `path`, and beside it as CSV, whose keeper the parquet file is."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    text = path.with_suffix(".csv")
    with replacing(text) as temporary:
        table.to_csv(temporary, index=False)  # in blocks of rows, not as one string
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    remark = {b"seal": blank_seal({text.name: sha256_file(text)})}
    with replacing(path) as temporary:
        pq.write_table(arrow.replace_schema_metadata(arrow.schema.metadata | remark), temporary)
        seal(temporary)


def read_columns(path: Path) -> list[str]:
    """Return the names of the columns of a table that `write_table` wrote.

    Raises:
        InputError: the file is damaged, or is not parquet.
    """
    from pyarrow.parquet import read_schema

    check(path)
    try:
        return list(read_schema(path).names)
    except (OSError, ValueError) as error:
        raise _not_parquet(path, error) from error


def read_table(path: Path, **options: Any) -> "pd.DataFrame":
    """Return a table that `write_table` wrote; `options` are those of pandas.read_parquet.

    Raises:
        InputError: the file is damaged, or is not parquet.
    """
    import pandas as pd

    check(path)
    try:
        return pd.read_parquet(path, **options)
    except (OSError, ValueError) as error:
        raise _not_parquet(path, error) from error


def _not_parquet(path: Path, error: Exception) -> ForeignError:
    """Return the error of a file that is not a table in parquet."""
    return ForeignError(path, f"{path} cannot be read as the expected parquet table ({error}).")
