"""Where a run comes from: the commit and the versions."""

import platform
import subprocess

import numpy as np
from encoded_ensembles.runs import provenance


def git(folder, *arguments):
    identity = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", *identity, "-C", folder, *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_the_commit_and_whether_files_differ_from_it(tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-qm", "a")
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert len(commit) == 40
    assert provenance.git_state(tmp_path) == {"commit": commit, "changed": False}
    (tmp_path / "results").write_text("not tracked, as results are")
    assert provenance.git_state(tmp_path) == {"commit": commit, "changed": False}
    (tmp_path / "a").write_text("2")
    assert provenance.git_state(tmp_path) == {"commit": commit, "changed": True}


def test_kept_tables_are_not_what_makes_them(tmp_path):
    """Snakemake removes a tracked made.json before the target of its study makes it again."""
    git(tmp_path, "init", "-q")
    made, program = tmp_path / "docs/studies/sizes/made.json", tmp_path / "workflow/program.py"
    for file in (made, program):
        file.parent.mkdir(parents=True)
        file.write_text("1")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "a")
    made.unlink()
    assert provenance.git_state(program.parent)["changed"] is False
    program.write_text("2")
    assert provenance.git_state(made.parents[2])["changed"] is True


def test_without_a_repository_nothing_is_known(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance.git_state(tmp_path) == {"commit": None, "changed": None}
    monkeypatch.setenv("PATH", "")  # nor without git
    assert provenance.git_state(tmp_path) == {"commit": None, "changed": None}


def test_versions_are_those_of_what_is_imported(monkeypatch):
    monkeypatch.setattr(provenance, "PACKAGES", ["numpy", "no-such-package"])
    found = provenance.versions()
    assert found["numpy"] == np.__version__
    assert found["no-such-package"] is None
    assert found["python"] == platform.python_version()
    assert found["platform"] == platform.platform()
