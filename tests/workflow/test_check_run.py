"""encens check-run on a finished run: what is missing is named, and nothing is lost for good."""

import random
import shutil

import pytest
from encoded_ensembles.commands.check_run import check_run
from encoded_ensembles.runs import integrity
from typer import Exit


@pytest.fixture
def run(finished, tmp_path):
    """A copy of the folder of the toy run."""
    return shutil.copytree(finished.results(), tmp_path / "results/toy")


def test_a_whole_run_lacks_nothing(run, capsys):
    check_run(run)
    assert "0 damaged, 0 missing, 0 left over.\n" in capsys.readouterr().out


def test_each_file_is_missed(run):
    """Issue 14.14: figures' PNG, CSVs, facts and digests too, by the run's own record."""
    wanted = integrity.wanted_files(run)
    assert len(wanted) > 100
    for file in wanted:
        aside = file.rename(file.with_name("aside"))
        # Without a record nothing is known to be missing but what a seal names.
        known = integrity.wanted_files(run) if file.name == "run.json" else wanted
        assert list(integrity.find_missing(run, known)) == ([file] if known else [])
        aside.rename(file)


def test_the_classifier_is_missed_by_what_features_are_of(run):
    for file in ("classifier.safetensors", "classifier.json"):
        (run / "frechet" / file).unlink()
    named = [file.name for file in integrity.find_missing(run, integrity.wanted_files(run))]
    assert named == ["classifier.safetensors", "classifier.json"]


def test_deleting_takes_for_good_nothing_that_no_rule_makes(run, capsys):
    """Issue 14.14: what is deleted is an output that `rule all` asks for; the rest is set aside."""
    rng = random.Random(0)
    wanted = set(integrity.wanted_files(run))
    old = run / "landscape/1-of-9.safetensors"  # of an earlier number of blocks
    shutil.copy(run / "landscape/1-of-2.safetensors", old)
    asked = run / "grade/null_check.parquet"  # made on demand
    shutil.copy(run / "grade/gains.parquet", asked)
    before = {file for file in run.rglob("*") if file.is_file()}
    checked = [file for file in integrity.files_of(run) if file.name != "run.json"]
    for file in [*rng.sample(checked, 20), old, asked, *(run / "ledger").iterdir()]:
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    check_run(run, delete=True)
    gone = before - {file for file in run.rglob("*") if file.is_file()}
    aside = {file.with_suffix("") for file in run.rglob("*.damaged")}
    assert len(gone) >= 20
    assert aside == {old, asked, *(file for file in before if file.parent.name == "ledger")}
    assert gone - aside <= wanted
    with pytest.raises(Exit):
        check_run(run)
    said = capsys.readouterr().out
    assert all(f"{file} is missing" in said for file in gone - aside)
