"""Errors of one sentence: invalid input, and wrong or damaged files."""

import numpy as np
import pytest
from encoded_ensembles.storage import errors, files, ledger

READERS = [
    files.read_arrays,
    files.read_tensors,
    files.read_json,
    files.read_facts,
    files.read_table,
    files.read_columns,
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
        (files.read_columns, "cannot be read as the expected parquet"),
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


def test_the_closest_known_name_is_proposed():
    known = ["weight", "members"]
    assert errors.close_matches("wieght", known) == "; did you mean weight?"
    assert errors.close_matches("x", known) == "."
    assert errors.close_matches("x", known, otherwise=", expected none.") == ", expected none."
