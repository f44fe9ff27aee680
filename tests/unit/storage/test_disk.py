"""Full and read-only disks, leftovers of killed writers, and clocks that go back."""

import errno
import os
import resource
import subprocess
import time

import numpy as np
import pytest
from encoded_ensembles.figures.style import save
from encoded_ensembles.runs import integrity
from encoded_ensembles.storage import disk, files
from matplotlib.figure import Figure


def leave(path, pid):
    """Leave what a writer of a file with some pid would."""
    file = disk.temporary_file(path)
    file = file.with_name(file.name.replace(str(os.getpid()), str(pid)))
    file.write_text("half")
    return file


@pytest.fixture
def ended():
    """The pid of a process that ran."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_what_a_killed_writer_left_goes_when_the_file_is_written_again(tmp_path, ended):
    path = tmp_path / "a [1].json"
    leave(path, ended)
    running = leave(path, os.getppid())
    other = leave(tmp_path / "b.json", ended)
    files.write_json(path, {})
    assert sorted(tmp_path.iterdir()) == sorted([path, running, other])
    assert list(integrity.find_leftovers(tmp_path)) == [other]


def test_of_another_machine_what_has_not_grown_for_a_day_is_left_over(tmp_path):
    file = tmp_path / ".a.json.node17.123.tmp"
    file.write_text("half")
    assert not disk.is_leftover(file)
    os.utime(file, (time.time() - 2 * disk.DAY,) * 2)
    assert disk.is_leftover(file)


@pytest.mark.parametrize("code", disk.PROBLEMS)
def test_errors_of_the_disk_are_one_sentence_with_file_and_folder(tmp_path, code):
    path = tmp_path / "a.json"
    with pytest.raises(files.InputError) as refused, files.replacing(path) as temporary:  # noqa: PT012
        temporary.write_text("half")
        raise OSError(code, os.strerror(code))
    assert str(refused.value).startswith(f"{path} could not be written: ")
    assert str(tmp_path) in str(refused.value).split(": ")[1]
    assert not list(tmp_path.iterdir())


def test_other_errors_stay_what_they_are(tmp_path):
    with pytest.raises(PermissionError), files.replacing(tmp_path / "a"):
        raise PermissionError(errno.EACCES, "Permission denied", "/some/other/file")


def test_files_of_the_future_are_dated_now_in_their_order(tmp_path):
    now = time.time()
    for name, ahead in (("c", 9000), ("a", -50), ("b", 4000), ("d", 10)):
        (tmp_path / name).write_text("x")
        os.utime(tmp_path / name, (now + ahead,) * 2)
    assert [file.name for file in integrity.files_ahead(tmp_path)] == ["b", "c"]
    assert integrity.redate(tmp_path) == 2
    assert integrity.files_ahead(tmp_path) == []
    dates = {name: (tmp_path / name).stat().st_mtime for name in "abcd"}
    assert dates["a"] < dates["b"] < dates["c"] <= time.time()


def test_a_figure_that_does_not_fit_says_so_and_leaves_nothing(tmp_path):
    """As on a full disk: files may grow up to a limit, which the PNG keeps and the PDF passes."""
    figure = Figure(figsize=(1, 1))
    axes = figure.subplots()
    axes.plot(np.random.default_rng(0).random(3000))
    axes.axis("off")
    save(figure, tmp_path / "whole.pdf")
    least, most = ((tmp_path / f"whole.{kind}").stat().st_size for kind in ("png", "pdf"))
    for limit in np.linspace(least, most - 1, 12, dtype=int).tolist():
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
        try:
            with pytest.raises(OSError, match="File too large"):
                save(figure, tmp_path / "other.pdf")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert not (tmp_path / "other.pdf").exists()
        assert not list(tmp_path.glob(".*"))


def test_a_writer_of_another_machine_has_a_day(tmp_path):
    """Issue 14.28: its process cannot be seen from here; a slow one is not robbed of its file."""
    file = tmp_path / f".a.npz.elsewhere.1{disk.SUFFIX}"
    file.write_text("half")
    for hours, left in ((0, False), (1, False), (23, False), (25, True)):
        os.utime(file, (time.time() - 3600 * hours,) * 2)
        assert disk.is_leftover(file) == left, hours
