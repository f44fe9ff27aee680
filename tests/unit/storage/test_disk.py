"""Full and read-only disks, and leftovers of killed writers."""

import errno
import os
import time

import pytest
from encoded_ensembles.storage import disk, files


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


def test_a_writer_of_another_machine_has_a_day(tmp_path):
    """Issue 14.28: its process cannot be seen from here; a slow one is not robbed of its file."""
    file = tmp_path / f".a.npz.elsewhere.1{disk.SUFFIX}"
    file.write_text("half")
    for hours, left in ((0, False), (1, False), (23, False), (25, True)):
        os.utime(file, (time.time() - 3600 * hours,) * 2)
        assert disk.is_leftover(file) == left, hours
