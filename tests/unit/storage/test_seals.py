"""No flipped bit, cut or lost byte of a file of a run gets past a reader."""

import random

import numpy as np
import pandas as pd
import pytest
from encoded_ensembles.storage import files, seals

ARRAYS = {"units": np.arange(3), "x": np.array([0.5, 2], np.float32), "names": np.array(["a"])}
NUMBERS = {name: each for name, each in ARRAYS.items() if name != "names"}
KINDS = {
    "a.npz": (lambda path: files.write_arrays(path, ARRAYS), files.read_arrays),
    "a.safetensors": (lambda path: files.write_tensors(path, NUMBERS), files.read_tensors),
    "grown.safetensors": (
        lambda path: files.write_growing(
            path, {"units": np.arange(2)}, name="x", shape=(2, 1),
            rows=[np.ones((1, 1), np.float32)] * 2,
        ),
        files.read_tensors,
    ),
    "a.json": (lambda path: files.write_facts(path, {"b": 1, "z": [2]}), files.read_facts),
    "a.parquet": (
        lambda path: files.write_table(path, pd.DataFrame({"n": ["x", "y"], "v": [1.0, 2.0]})),
        files.read_table,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_every_flipped_bit_is_refused_by_name(tmp_path, name):
    write, read = KINDS[name]
    file = tmp_path / "results/a/data" / name  # where a rule writes
    write(file)
    whole = file.read_bytes()
    read(file)
    step = max(1, 8 * len(whole) // 500)
    for bit in range(0, 8 * len(whole), step):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        file.write_bytes(changed)
        with pytest.raises(files.InputError, match=f"{name} is damaged .*delete it and run again"):
            read(file)
    for length in range(0, len(whole), len(whole) // 50):
        file.write_bytes(whole[:length])
        with pytest.raises(files.InputError, match=f"{name} is damaged"):
            read(file)
    file.write_bytes(whole + b"\0")
    with pytest.raises(files.InputError, match=f"{name} is damaged"):
        read(file)
    file.write_bytes(whole)
    read(file)


def test_a_seal_is_the_digest_of_the_file_with_zeros_in_its_place(tmp_path):
    import hashlib

    file = tmp_path / "a.txt"
    files.write_text(file, "one\n", remark="# {}")
    digest = hashlib.sha256(b"one\n# sha256-without-this:" + b"0" * 64 + b"\n").hexdigest()
    assert file.read_text() == f"one\n# sha256-without-this:{digest}\n"


@pytest.mark.parametrize("place", [10, 5000, 1 << 21])
def test_a_seal_is_found_wherever_it_is(tmp_path, place):
    file = tmp_path / "a"
    body = random.Random(0).randbytes(place)
    file.write_bytes(body + seals.blank_seal({"b.csv": "1" * 64}).encode() + bytes(3 << 20))
    seals.seal(file)
    assert seals.read_seal(file) == (None, {"b.csv": "1" * 64})


def test_what_has_no_seal_is_refused(tmp_path):
    for file in (tmp_path / "a.npz", tmp_path / "results/a/data/a.npz"):
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, **NUMBERS)
        with pytest.raises(files.InputError, match="has no seal, or is of an earlier"):
            files.read_arrays(file)
    with pytest.raises(ValueError, match="no blank seal"):
        seals.seal(tmp_path / "a.npz")


def test_damage_far_behind_the_seal_is_refused(tmp_path):
    """Issue 14.28: the digest is of the whole file, not of the first mebibyte behind the seal."""
    file = tmp_path / "a.safetensors"
    files.write_tensors(file, {"x": np.zeros(3 << 20, np.uint8)})
    whole = bytearray(file.read_bytes())
    for place in (-1, -(1 << 20), len(whole) // 2):
        changed = whole.copy()
        changed[place] ^= 1
        file.write_bytes(changed)
        with pytest.raises(files.InputError, match="is damaged"):
            files.read_tensors(file)
    file.write_bytes(whole)
    files.read_tensors(file)


def test_damage_far_before_the_seal_is_refused(tmp_path):
    file = tmp_path / "a.txt"
    files.write_text(file, "x" * (3 << 20), remark="# {}")
    files.check(file)
    whole = file.read_bytes()
    for place in (0, 1 << 20, 5 << 19):
        file.write_bytes(whole[:place] + b"y" + whole[place + 1 :])
        with pytest.raises(files.InputError, match="is damaged"):
            files.check(file)


@pytest.mark.parametrize("before", [5000, 1 << 21])
def test_text_that_quotes_the_mark_can_be_sealed(tmp_path, before):
    """Issue 14.28: the last mark of a file is its seal."""
    quoted = f"{seals.MARK.decode()}{'1' * 64} b.csv:{'2' * 64}\n"
    file = tmp_path / "a.txt"
    files.write_text(file, "x" * before + quoted, remark="# {}")
    assert seals.read_seal(file) == (None, {})
    whole = file.read_text()
    file.write_text(whole.replace("1" * 64, "3" * 64))
    assert seals.read_seal(file).problem


def test_a_seal_names_the_files_it_keeps(tmp_path):
    kept = {"b.csv": "1" * 64, "a.csv": "2" * 64}
    files.write_facts(tmp_path / "a.json", {"x": 1}, kept=kept)
    assert seals.read_seal(tmp_path / "a.json").kept == kept
    assert seals.is_sealed(tmp_path / "a.json")
    (tmp_path / "b.json").write_text("{}")
    assert not seals.is_sealed(tmp_path / "b.json")
