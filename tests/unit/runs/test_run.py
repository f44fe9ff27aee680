"""A run is found by folder or name, and units by name: what is not there is said at once."""

import numpy as np
import pytest
from encoded_ensembles.data import units
from encoded_ensembles.runs import forgetting
from encoded_ensembles.runs.run import Run, unit_names
from encoded_ensembles.sharing import certificates
from encoded_ensembles.storage.files import InputError, write_arrays, write_facts

NAMES = np.array(["a,b", "c", "d"])


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run of three units and four members in results/some, as far as unit names are looked up."""
    folder = tmp_path / "results/some"
    code = np.array([[1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 1, 0]], bool)
    write_arrays(folder / "code/code.npz", {"code": code, "unit_names": NAMES})
    write_facts(folder / "run.json", {"config": {}})
    monkeypatch.chdir(tmp_path)
    return folder


def test_a_run_is_found_by_its_folder_or_its_name(run):
    """Issue 14.17: as --run finds it."""
    for given in ("some", "results/some", run, str(run)):
        assert Run(given).folder.resolve() == run
    (run.parent / "begun").mkdir()
    for given in ("nosuch", "begun", "results", run / "code"):
        with pytest.raises(InputError, match=f"{given} is not the folder of a finished run"):
            Run(given)


def test_names_of_units_may_be_parted_by_commas():
    assert unit_names(["a,b", "c, d"], NAMES) == ["a,b", "c", "d"]
    assert unit_names(["c,", " d"], NAMES) == ["c", "d"]


@pytest.mark.parametrize("given", [[], [""], [" "], [","], ["", " , "]])
def test_no_name_is_an_error_wherever_units_are_named(run, given):
    """Issue 14.4: an empty list of units was answered as if there were nothing to leave out."""
    with pytest.raises(InputError, match="expected at least one of the 3 unit_names"):
        unit_names(given, NAMES)
    for call in (
        lambda: units.find_units(NAMES, []),
        lambda: forgetting.plan({"units": {"exclude": []}}, Run(run).code, []),
        lambda: certificates.kept_without(Run(run), []),
        lambda: certificates.statement(Run(run), sample=0, units=[], subjects=[]),
    ):
        with pytest.raises(InputError, match="no unit is named, expected at least one of the 3"):
            call()
