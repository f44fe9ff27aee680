"""Code words that others published: read from tables and arrays, refused where they are no code."""

import numpy as np
import pytest
from encoded_ensembles.codes.families import family_of
from encoded_ensembles.codes.given_words import read_code_words
from encoded_ensembles.storage.files import InputError, write_arrays

WORDS = np.array([[1, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1]])


def table(path, rows, head="unit,member_00,member_01,member_02,member_03"):
    path.write_text("\n".join([head, *(",".join(map(str, row)) for row in rows)]))
    return path


def test_a_table_and_an_array_file_give_the_same_words(tmp_path):
    rows = np.column_stack([np.arange(3), WORDS])
    from_table = read_code_words(table(tmp_path / "words.csv", rows), units=3)
    assert np.array_equal(from_table["code"], WORDS.astype(bool))
    family = family_of(from_table)
    assert (family.name, family.members, family.weight) == ("random", 4, 2)
    assert from_table["null_words"].shape == (0, 4)
    write_arrays(tmp_path / "code.npz", {"code": WORDS.astype(bool), "family": np.array("balanced"),
                                         "distance": np.array(2)})  # fmt: skip
    from_arrays = read_code_words(tmp_path / "code.npz", units=3)
    assert np.array_equal(from_arrays["code"], from_table["code"])
    assert family_of(from_arrays).name == "balanced"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (WORDS[:2], r"words \(2, 4\), expected 3 rows"),
        (np.array([[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 0, 1]]), "words of 2 to 3 members"),
        (np.zeros((3, 4), int), "words of 0 to 0 members"),
        (2 * WORDS, "other values than 0 and 1"),
        (WORDS[[0, 1, 0]], "the same word in rows 1 and 3, expected another word for each unit"),
    ],
)
def test_what_is_no_code_is_refused(tmp_path, rows, said):
    path = table(tmp_path / "words.csv", rows, head="a,b,c,d")
    with pytest.raises(InputError, match=said):
        read_code_words(path, units=3)


def test_what_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read as a table"):
        read_code_words(tmp_path / "none.csv", units=3)
    write_arrays(tmp_path / "other.npz", {"other": np.zeros(3)})
    with pytest.raises(InputError, match="has no array code"):
        read_code_words(tmp_path / "other.npz", units=3)
