"""Files are written whole or not at all, and equal content gives equal bytes."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from encoded_ensembles.progress import track
from encoded_ensembles.storage import disk, files, ledger


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


READERS = [
    files.read_arrays,
    files.read_tensors,
    files.read_json,
    files.read_facts,
    files.read_table,
]


@pytest.mark.parametrize("read", READERS)
def test_to_delete_a_file_is_advised_only_of_one_of_this_program(tmp_path, read):
    """Issue 14.16: a file of the user's that is given by mistake is not to be deleted."""
    ours = [
        tmp_path / "results/a/code/code.npz",
        tmp_path / "copy/data/x",
        tmp_path / "results/a/run.json",
    ]
    theirs = [tmp_path / "README.md", tmp_path / "results/a/notes/x", tmp_path / "data/x"]
    files.write_facts(tmp_path / "copy/run.json", {})
    for file in [*ours, *theirs]:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"\x80garbage")
        with pytest.raises(files.InputError) as refused:
            read(file)
        assert ("delete it and run again" in str(refused.value)) == (file in ours)
        assert ("was not written by this program" in str(refused.value)) == (file in theirs)
        assert str(file) in str(refused.value)


def test_another_file_of_this_program_is_not_called_damaged(tmp_path):
    """Issue 14.16: what is read where something else was expected is as it was written."""
    file = tmp_path / "results/a/data/a.npz"
    files.write_arrays(file, {"images": np.arange(3)})
    with pytest.raises(files.InputError, match=r"a\.npz holds images, expected code in it\."):
        files.read_arrays(file)["code"]
    for read, said in (
        (files.read_tensors, "cannot be read as the expected safetensors"),
        (files.read_table, "cannot be read as the expected parquet"),
    ):
        with pytest.raises(files.InputError, match=said) as refused:
            read(file)
        assert "delete" not in str(refused.value)
    files.write_tensors(file, {"images": np.arange(3)})
    with pytest.raises(files.InputError, match=r"cannot be read as \.npz") as refused:
        files.read_arrays(file)
    assert "delete" not in str(refused.value)
    files.write_facts(file, {"a": 1})
    with pytest.raises(files.InputError, match="holds a, expected digest in it"):
        files.read_facts(file)["digest"]


def test_a_damaged_ledger_is_not_to_be_deleted(tmp_path):
    """Issue 14.14: no rule makes a ledger again."""
    file = tmp_path / "results/a/ledger/words-1.npz"
    files.write_arrays(file, {"x": np.arange(3)})
    file.write_bytes(file.read_bytes()[:-70])
    with pytest.raises(files.InputError, match="restore a copy, or move it away"):
        ledger.read_ledger(file)


def test_progress_is_lines_without_a_terminal(capsys):
    assert list(track(range(3), label="steps", total=3)) == [0, 1, 2]
    assert capsys.readouterr().err.endswith("steps: 3 of 3\n")


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
