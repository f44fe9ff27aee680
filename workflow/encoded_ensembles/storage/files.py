"""Reading and writing files: whole or not at all, never by unpickling, and never damaged ones.

Every writer fills a temporary file beside its target and renames it, so that a reader never sees
half a file and a killed job leaves its earlier output as it was. Files of a run are sealed (`seals`):
every reader here refuses one whose bytes are not those that were written.
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

    What killed writers of the same file left behind is removed.

    Raises:
        InputError: the disk is full, or may not be written to.
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
        with suppress(OSError):  # of a disk that is read-only, say
            temporary.unlink(missing_ok=True)


def check(path: Path) -> None:
    """Check a sealed file.

    Raises:
        InputError: its bytes are not those that were written.
        FileNotFoundError: there is none.
    """
    if problem := read_seal(path).problem:
        raise damaged(path, problem)


def check_kept(path: Path, *, keeper: Path) -> None:
    """Check a file against the digest in the seal of another.

    Raises:
        InputError: its bytes are not those that were written, or the other is damaged.
        FileNotFoundError: one is missing.
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
    """Write `text` as UTF-8, and after it a seal as a remark of its language, such as "# {}"."""
    with replacing(path) as temporary:
        end = f"{remark.format(blank_seal())}\n" if remark else ""
        temporary.write_text(text + end, encoding="utf-8")
        if remark:
            seal(temporary)


def write_json(path: Path, facts: Mapping[str, Any]) -> None:
    """Write `facts` as indented JSON with sorted keys."""
    write_text(path, dump(facts))


def dump(facts: Mapping[str, Any]) -> str:
    """Return the one form of JSON here."""
    return json.dumps(facts, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def read_json(path: Path) -> Any:
    """Read a JSON file.

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
    """Write `facts` as JSON with a seal among them.

    Args:
        path: of the file.
        facts: what to write, without a key `seal`.
        kept: digests of files beside it that it is the keeper of, by name.
    """
    with replacing(path) as temporary:
        temporary.write_text(dump({"seal": blank_seal(kept), **facts}), encoding="utf-8")
        seal(temporary)


def read_facts(path: Path) -> dict[str, Any]:
    """Read what `write_facts` wrote.

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
    """Read every array of an .npz file.

    Raises:
        InputError: the file is damaged, is not such a file, or lacks what is then read of it.
    """
    check(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except Exception as error:  # zipfile, zlib and numpy each raise their own
        raise ForeignError(path, f"{path} cannot be read as .npz of arrays ({error}).") from error
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):  # as NumPy hands out what is no array
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
        kept: digests of files beside it that it is the keeper of, by name.
    """
    whole = {name: np.ascontiguousarray(each) for name, each in tensors.items()}
    shapes = {name: (each.dtype, np.shape(tensors[name])) for name, each in whole.items()}
    with replacing(path) as temporary:
        with temporary.open("wb") as file:
            file.write(header(shapes, {"seal": blank_seal(kept), **(metadata or {})}))
            for name in order(shapes):
                each = whole[name]
                file.write(each.astype(each.dtype.newbyteorder("<"), copy=False).data)
        seal(temporary)


def write_growing(
    path: Path,
    tensors: Mapping[str, np.ndarray],
    *,
    name: str,
    shape: tuple[int, ...],
    rows: Iterable[np.ndarray],
) -> None:
    """Write a safetensors file of which one tensor is too large to hold, in the bytes of `write_tensors`.

    Args:
        path: of the file.
        tensors: int64, those that are whole already.
        name: of the large one, float32.
        shape: of the large one, (A, ...).
        rows: its next rows (a, ...) each time, A in all.

    Raises:
        ValueError: there are more or fewer rows.
    """
    shapes: dict[str, Kind] = {name: (np.dtype("f4"), shape)}
    shapes |= {key: (np.dtype("i8"), np.shape(each)) for key, each in tensors.items()}
    with replacing(path) as temporary:
        with temporary.open("wb") as file:
            file.write(header(shapes, {"seal": blank_seal()}))
            for key in order(shapes)[:-1]:
                file.write(np.ascontiguousarray(tensors[key], "<i8").tobytes())
            found = sum(file.write(chunk.astype("<f4", copy=False).tobytes()) for chunk in rows)
            if found != 4 * math.prod(shape):
                raise ValueError(f"{name} has {found} bytes, expected {4 * math.prod(shape)}")
        seal(temporary)


def read_tensors(path: Path, *, names: list[str] | None = None) -> dict[str, np.ndarray]:
    """Read all tensors of a safetensors file, or those in `names`.

    Raises:
        InputError: the file is damaged, is not safetensors, or lacks one of `names`.
    """
    with open_tensors(path) as file:
        return {name: file.get_tensor(name) for name in names or file.keys()}


@contextmanager
def open_tensors(path: Path, *, framework: str = "numpy") -> Iterator["safe_open"]:
    """Open a safetensors file to read parts of it, or its metadata.

    Raises:
        InputError: the file is damaged, is not safetensors, or lacks what is read.
    """
    from safetensors import SafetensorError, safe_open

    check(path)
    try:
        with safe_open(path, framework=framework) as file:
            yield file
    except SafetensorError as error:
        raise ForeignError(
            path, f"{path} is not the safetensors file that is read here ({error})."
        ) from error


def write_table(path: Path, table: "pd.DataFrame") -> None:
    """Write a table as CSV, and beside it as parquet, its keeper, to `path`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    text = path.with_suffix(".csv")
    with replacing(text) as temporary:
        table.to_csv(temporary, index=False)  # some rows at a time, not as one string
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    remark = {b"seal": blank_seal({text.name: sha256_file(text)})}
    with replacing(path) as temporary:
        pq.write_table(arrow.replace_schema_metadata(arrow.schema.metadata | remark), temporary)
        seal(temporary)


def read_table(path: Path, **options: Any) -> "pd.DataFrame":
    """Read a table that `write_table` wrote; `options` are those of pandas.read_parquet.

    Raises:
        InputError: the file is damaged, or is not parquet.
    """
    import pandas as pd

    check(path)
    try:
        return pd.read_parquet(path, **options)
    except (OSError, ValueError) as error:
        raise ForeignError(path, f"{path} is not the table that is read here ({error}).") from error
