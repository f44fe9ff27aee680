"""The answer to a deletion request: the configuration without units."""

import copy

import numpy as np
import pytest
import yaml
from encoded_ensembles.commands import forget
from encoded_ensembles.config.check import check_config
from encoded_ensembles.runs import forgetting
from encoded_ensembles.storage.files import InputError
from six_units import CODE, NAMES, six_units


@pytest.fixture
def configured(schema):
    return six_units(schema)


def test_no_key_of_the_new_configuration_names_a_forgotten_unit(configured, schema):
    """Issue 14.5: retrain.named kept the unit, and the run failed after its training."""
    before = copy.deepcopy(configured)
    found = forgetting.plan(configured, CODE, ["u0"])
    assert configured == before
    assert found.keep.tolist() == [False, False, True, True]
    new = found.config
    assert new["units"]["exclude"] == ["u0"]
    assert new["landscape"] == before["landscape"] | {
        "blocks": 5,
        "sets": {"two": ["u1"], "other": ["u2"]},
    }
    assert new["retrain"] == before["retrain"] | {"named": ["u2"]}
    assert found.changes == [
        "landscape.sets.one is without 1 of its 1 units, and dropped.",
        "landscape.sets.two is without 1 of its 2 units.",
        "retrain.named is without 1 of its 2 units.",
        "landscape.blocks is 5, the number of units left.",
    ]
    both = forgetting.plan(configured, CODE, ["u0", "u1", "u2"])
    assert both.changes[-4:-1] == [
        "retrain.units is 3 in place of 4.",
        "retrain.fresh is 3 in place of 4.",
        "landscape.blocks is 3, the number of units left.",
    ]
    configured["training"]["steps_per_epoch"] = 3
    assert "training.steps_per_epoch is 2" in forgetting.plan(configured, CODE, ["u0"]).changes[-1]
    empty = forgetting.plan(configured, CODE, ["u0", "u1", "u2"]).changes[-1]
    assert "a member has no image to train on; lower code.members" in empty
    text = yaml.safe_dump({key: value for key, value in both.config.items() if key != "units"})
    assert not any(name in text for name in ("u0", "u1", "u2"))
    for new in (found.config, both.config):
        without = {"dataset": new["dataset"] | {"images": 6}}
        assert check_config(new | without, schema)
    with pytest.raises(InputError, match="all 6 units are named, expected one left"):
        forgetting.plan(configured, CODE, NAMES)


@pytest.mark.parametrize("recorded", [False, True])
def test_a_smoke_run_forgets_in_its_own_folder(configured, schema, recorded):
    """The record said `smoke: true`: the new configuration was of another run, trained on the forgotten pictures.

    Records of earlier versions still say so.
    """
    small = check_config(configured | {"dataset": {"images": 6}, "smoke": True}, schema)
    new = forgetting.plan(small | {"smoke": recorded}, CODE, ["u0"]).config
    again = check_config(new, schema)
    assert (again["run"], again["units"]["exclude"]) == (small["run"], ["u0"])
    assert again == new


def test_own_scores_stay_if_they_name_their_units(configured):
    """An array would have a row too many for the units that are left."""
    configured["grade"]["scores"] = {"a": "a.npy", "b": "b.csv", "c": "C.NPY", "d": "d.parquet"}
    found = forgetting.plan(configured, CODE, ["u0"])
    assert found.config["grade"]["scores"] == {"b": "b.csv", "d": "d.parquet"}
    told = [change for change in found.changes if change.startswith("grade")]
    assert [change.partition(";")[0] for change in told] == [
        "grade.scores.a is dropped: a.npy has a row for each unit of before",
        "grade.scores.c is dropped: C.NPY has a row for each unit of before",
    ]


def test_hostile_names_neither_break_the_configuration_nor_the_answer(configured, tmp_path, capsys):
    """Issue 14.5: a file name with a newline broke the header of the configuration."""
    for name in ("new\nline: x", "# a", "a\r\nb", "\u2028", "é\t'\"", "x: [", "\x07\u202e"):
        code = CODE | {"unit_names": np.array([name, *NAMES[1:]])}
        forget._configure(forgetting.plan(configured, code, [name]), tmp_path)
        text = (tmp_path / "config.yaml").read_text()
        assert yaml.safe_load(text)["units"]["exclude"] == [name]
        assert forget.shown(name).isprintable()
    assert all(line.isprintable() for line in capsys.readouterr().out.split("\n"))
