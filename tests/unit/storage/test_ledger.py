"""Ledgers: which file remembers what."""

import hashlib

import numpy as np
import pytest
from encoded_ensembles.storage import ledger
from encoded_ensembles.storage.files import InputError, write_arrays


def test_a_short_digest_by_hand():
    assert ledger.short_digest([]) == "e3b0c442"
    assert ledger.short_digest(["a", 1]) == hashlib.sha256(b"a\n1").hexdigest()[:8]


def test_parts_are_kept_apart():
    """Else images 1, seed 23 would share the ledger of images 12, seed 3."""
    assert ledger.short_digest(["1", "23"]) != ledger.short_digest(["12", "3"])
    assert ledger.short_digest(["a", "b"]) != ledger.short_digest(["b", "a"])


def test_each_set_of_parameters_has_a_file_of_its_own(tmp_path):
    file = ledger.ledger_file(tmp_path, "words", "random", 12)
    assert file == tmp_path / f"words-{ledger.short_digest(['random', 12])}.npz"
    assert file != ledger.ledger_file(tmp_path, "words", "random", 14)
    assert ledger.ledger_file(None, "words", "random", 12) is None


def test_nothing_is_remembered_at_first_and_damage_is_refused(tmp_path):
    file = tmp_path / "words.npz"
    assert ledger.read_ledger(None) is None
    assert ledger.read_ledger(file) is None
    write_arrays(file, {"names": np.array([b"a"])})
    assert ledger.read_ledger(file)["names"].tolist() == [b"a"]
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(InputError, match="is damaged"):
        ledger.read_ledger(file)
