"""Who installs the package gets the workflow with it: encens init, from a wheel, outside a clone."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
import yaml
from encoded_ensembles.config import starter
from workspace import REPOSITORY, TOY


def call(*arguments, cwd, site):
    """Run a module with the package from `site` alone."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=cwd, env=os.environ | {"PYTHONPATH": str(site)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done


def encens(*arguments, **options):
    return call("-c", "from encoded_ensembles.cli import main; main()", *arguments, **options)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A wheel of the repository, unpacked."""
    source = tmp_path_factory.mktemp("source")  # a build leaves files beside its source
    for name in (
        "pyproject.toml",
        "setup.py",
        "MANIFEST.in",
        "README.md",
        "LICENSE",
        *starter.PARTS,
    ):
        copy = shutil.copytree if (REPOSITORY / name).is_dir() else shutil.copy
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        copy(REPOSITORY / name, source / name)
    shutil.copytree(
        REPOSITORY / "workflow/encoded_ensembles", source / "workflow/encoded_ensembles",
        ignore=shutil.ignore_patterns("__pycache__"),
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
         "--no-index", "--wheel-dir", str(source / "out"), str(source)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (wheel,) = (source / "out").glob("*.whl")
    with ZipFile(wheel) as archive:
        archive.extractall(source / "site")
    return source / "site"


def test_a_folder_made_by_the_wheel_plans_what_the_clone_plans(site, tmp_path):
    """Issue 14.24: the wheel held no workflow, schema or preset."""
    folder = tmp_path / "mine"
    assert encens("init", folder, cwd=tmp_path, site=site).returncode == 0
    for part in starter.PARTS:
        files = [each for each in (REPOSITORY / part).rglob("*") if each.is_file()]
        for file in files or [REPOSITORY / part]:
            copy = folder / file.relative_to(REPOSITORY)
            assert copy.read_bytes() == file.read_bytes()
    assert yaml.safe_load((folder / "slurm/config.yaml").read_text())["executor"] == "slurm"
    shutil.copy(TOY, folder)
    done = call("-m", "snakemake", "--dry-run", "--configfile", "toy.yaml", cwd=folder, site=site)
    assert done.returncode == 0, done.stderr
    table = dict(re.findall(r"^(\w+) +(\d+)$", done.stdout, re.MULTILINE))
    assert (table["train_member"], table["ablate_block"], table["all"]) == ("7", "2", "1")
    inputs = [part for line in re.findall("input: (.+)", done.stdout) for part in line.split(", ")]
    page = {(folder / name).resolve() for name in inputs if "figures/page/" in name}
    assert len(page) > 5
    assert all(file.is_relative_to(site) and file.is_file() for file in page)


def test_it_writes_into_no_folder_that_holds_something(site, tmp_path):
    (tmp_path / "there").mkdir()
    assert encens("init", "there", cwd=tmp_path, site=site).returncode == 0
    before = (tmp_path / "there/config.yaml").stat()
    for name in ("there", "there/config.yaml"):
        done = encens("init", name, cwd=tmp_path, site=site)
        assert done.returncode == 1
        assert f"{name} exists, expected a new or empty folder; name another." in done.stderr
    assert (tmp_path / "there/config.yaml").stat() == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["plan"], ["plan", "--configfile", "x.yaml"], ["check-run", "digits"],
        ["forget", "--run", "digits", "--units", "a"], ["certify", "--run", "digits", "--sample", "0", "--units", "a"],
        ["verify", "x.json"], ["export-pipeline", "--run", "digits"], ["export-universe", "--run", "digits"],
        ["import-universe", "x.ctf", "--output", "x"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_outside_a_clone_nothing_answers_with_a_number_of_an_error(site, tmp_path, arguments):
    """Issue 14.24: `[Errno 2]` was the answer."""
    done = encens(*arguments, cwd=tmp_path, site=site)
    assert done.returncode == 1
    assert done.stderr.startswith("encens: error: ")
    assert done.stderr.count("\n") == 1
    assert "Errno" not in done.stderr
    assert not list(Path(tmp_path).iterdir())
