"""encens keep-study: tables of a study, and what made them."""

import json

import pandas as pd
import pytest
from encoded_ensembles.commands.keep_study import keep_study
from encoded_ensembles.runs import provenance
from encoded_ensembles.storage.files import InputError, write_table


def test_the_record_says_what_made_the_tables(monkeypatch, tmp_path):
    kept, state = tmp_path / "kept", {"commit": "0" * 40, "changed": False}
    monkeypatch.setattr(provenance, "git_state", lambda _: state)
    table = tmp_path / "table.csv"
    write_table(table.with_suffix(".parquet"), pd.DataFrame({"a": [1]}))
    keep_study([table], config='{"one": {"run": "one"}}', output=kept)
    made = json.loads((kept / "made.json").read_text())
    assert made["git"] == state
    assert made["runs"] == {"one": {"run": "one"}}
    assert (kept / "table.csv").read_text() == "a\n1\n"


def test_a_configuration_that_is_not_json_is_refused(tmp_path):
    with pytest.raises(InputError, match="--config is not JSON"):
        keep_study([], config="{", output=tmp_path / "kept")
    assert not (tmp_path / "kept").exists()
