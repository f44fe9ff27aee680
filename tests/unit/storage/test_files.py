"""Files are written whole or not at all, and equal content gives equal bytes."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from encoded_ensembles.storage import disk, files


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "facts.json"
    files.write_json(path, {"a": 1})
    with pytest.raises(RuntimeError), files.replacing(path) as temporary:  # noqa: PT012
        temporary.write_text("half")
        raise RuntimeError
    assert files.read_json(path) == {"a": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["facts.json"]


def test_writers_on_two_machines_do_not_share_a_temporary_file(tmp_path, monkeypatch):
    path = tmp_path / "facts.json"
    with files.replacing(path) as ours:
        ours.write_text("ours")
        monkeypatch.setattr(disk, "_host", lambda: "another")  # with the same process number
        with files.replacing(path) as theirs:
            theirs.write_text("theirs")
        assert path.read_text() == "theirs"
    assert path.read_text() == "ours"


@pytest.mark.parametrize("write", [files.write_arrays, files.write_tensors])
def test_arrays_round_trip_in_equal_bytes(tmp_path, write):
    arrays = {"x": np.arange(6, dtype=np.float32).reshape(2, 3), "y": np.array([True, False])}
    write(tmp_path / "a", arrays)
    write(tmp_path / "b", arrays)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    read = (files.read_arrays if write is files.write_arrays else files.read_tensors)(
        tmp_path / "a"
    )
    assert all(np.array_equal(read[name], arrays[name]) for name in arrays)


@pytest.mark.parametrize("sizes", [[7], [1, 4, 2], []])
def test_a_tensor_written_row_by_row_has_the_bytes_of_one_written_at_once(tmp_path, sizes):
    large = np.random.default_rng(0).standard_normal((sum(sizes), 2, 3)).astype(np.float32)
    units = {"units": np.arange(sum(sizes)), "also": np.array([3])}
    chunks = np.split(large, np.cumsum(sizes)[:-1]) if sizes else []
    files.write_tensors(tmp_path / "once", units | {"large": large})
    files.write_growing(tmp_path / "grown", units, name="large", shape=large.shape, rows=chunks)
    assert (tmp_path / "once").read_bytes() == (tmp_path / "grown").read_bytes()


def test_missing_rows_leave_no_file(tmp_path):
    with pytest.raises(ValueError, match="large has"):
        files.write_growing(
            tmp_path / "a", {}, name="large", shape=(3, 2), rows=[np.zeros((2, 2), np.float32)]
        )
    assert not list(tmp_path.iterdir())


def test_objects_are_not_pickled(tmp_path):
    with pytest.raises(ValueError, match="allow_pickle"):
        files.write_arrays(tmp_path / "a", {"x": np.array([object()])})
    np.save(tmp_path / "evil.npy", np.array([{}]), allow_pickle=True)
    (tmp_path / "evil.npy").rename(tmp_path / "evil.npz")
    with pytest.raises(files.InputError, match="was not written by this program"):
        files.read_arrays(tmp_path / "evil.npz")


def test_table_is_written_twice(tmp_path):
    files.write_table(tmp_path / "t.parquet", pd.DataFrame({"a": [1, 2]}))
    assert (tmp_path / "t.csv").read_text() == "a\n1\n2\n"
    assert pd.read_parquet(tmp_path / "t.parquet")["a"].tolist() == [1, 2]


def test_what_is_written_is_on_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    """Issue 14.28: else a crash of the machine could leave an empty file under the final name."""
    happened = []
    fsync, replace = os.fsync, Path.replace

    def synced(file):
        happened.append(("fsync", os.fstat(file).st_size))
        fsync(file)

    def renamed(file, target):
        happened.append(("rename", target.name))
        return replace(file, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", renamed)
    files.write_text(tmp_path / "a", "12345")
    assert happened == [("fsync", 5), ("rename", "a")]


def test_a_long_table_has_the_bytes_of_one_string(tmp_path):
    """Issue 14.10: a CSV is written some rows at a time."""
    rows = 120_000  # pandas writes 100,000 values at a time
    table = pd.DataFrame({"a": np.arange(rows) / 7, "name": [f"ü,{i}" for i in range(rows)]})
    files.write_table(tmp_path / "t.parquet", table)
    text = table.to_csv(index=False).encode()
    assert hashlib.sha256(text).hexdigest() == files.sha256_file(tmp_path / "t.csv")
