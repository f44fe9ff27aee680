"""A folder of pictures and junk: what is done with each kind of file, as docs/datasets.md lists it."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from encoded_ensembles.data import catalogue
from encoded_ensembles.data.source import warnings_of
from encoded_ensembles.data.sources import folder
from encoded_ensembles.storage.files import InputError
from picture_kinds import CASES, READ, REFUSED, REMARKS, SIDE, make
from PIL import features
from workspace import REPOSITORY


def read(path, *, channels=3):
    return catalogue.load(
        "folder", path=path, cache=path, mirror=None, size=SIDE, channels=channels
    )


def test_what_is_read(tmp_path):
    """Issue 14.2: pixels of every kind that is read, and what is said of the others (14.21)."""
    source = read(make(tmp_path, [each for each in CASES if each not in REFUSED]))
    warnings = warnings_of(source)
    found = dict(zip(source.all.names.tolist(), source.all.images, strict=True))
    assert found.keys() == {each.file for each in READ}
    for case in READ:
        below = found[case.file][SIDE - 3, SIDE // 4].astype(int)
        assert np.abs(below - case.done).max() <= 2, (case.file, below)
    for remark, files in REMARKS.items():
        (said,) = [each for each in warnings if remark in each]
        first = min(files, key=Path)
        assert said.startswith(f"{len(files)} of {len(READ)} pictures, such as {first}: {remark}")
    others = [each for each in CASES if isinstance(each.done, str) and each not in REFUSED]
    for case in others:
        assert any(case.done in each for each in warnings), case.file
    (said,) = [each for each in warnings if each.startswith("files passed over")]
    assert said.startswith("files passed over: 4 (1 .heic, 1 .jxl, 1 .txt, 1 without ending); ")
    assert len(warnings) == len(REMARKS) + 2


def test_all_pictures_that_are_refused_are_named_at_once(tmp_path):
    """Issue 14.21: all bad pictures, each with its reason."""
    assert len(REFUSED) > 15
    with pytest.raises(InputError, match="cannot be read; repair") as error:
        read(make(tmp_path, CASES))
    first, *lines = str(error.value).splitlines()
    assert first.startswith(f"{len(REFUSED)} of {len(READ) + len(REFUSED)} pictures in")
    ordered = sorted(REFUSED, key=lambda each: Path(each.file))
    for case, line in zip(ordered, lines, strict=True):
        name = "\\udcff.png" if case.kind == "a name that is not UTF-8" else case.file
        assert line.startswith(f"  {name} cannot be read as an image ("), line
        assert case.done in line


def test_the_table_in_the_docs():
    text = (REPOSITORY / "docs/datasets.md").read_text()
    section = text.split("## Your own pictures")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| (read|refused|passed over)\b.* \|$", section, re.MULTILINE)
    done = {
        each.kind: "read" if each in READ else "refused" if each in REFUSED else "passed over"
        for each in CASES
    }
    assert dict(rows) == done
    assert len(done) >= 25


def test_a_folder_that_may_not_be_listed(tmp_path, monkeypatch):
    make(tmp_path, READ[:1])
    (tmp_path / "closed").mkdir()
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match=r"closed cannot be listed \(Permission denied\)"):
        read(tmp_path)


def test_a_folder_without_a_picture_says_what_it_holds(tmp_path):
    for number in range(3):
        (tmp_path / f"{number}.heic").touch()
    with pytest.raises(InputError, match=r"holds no image.* \(3 \.heic\)"):
        read(tmp_path)


def test_many_endings_are_counted_together(tmp_path):
    for number in range(13):
        (tmp_path / f"file.{number:02d}").touch()
    make(tmp_path, READ[:1])
    (said,) = read(tmp_path).warnings
    assert "13 (1 .00, 1 .01, " in said
    assert "1 .09, 3 with other endings)" in said


def test_avif_follows_pillow():
    assert (".avif" in folder.suffixes()) == features.check("avif")
