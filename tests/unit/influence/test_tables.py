"""The tables of influence, by hand."""

import numpy as np
import pandas as pd
import pytest
from encoded_ensembles.influence import tables
from encoded_ensembles.storage.files import InputError, write_table

SHAPE = (1, 8, 8)
DISTANCE = np.array([[1.0, 4.0], [3.0, 2.0]])  # (U, B)
P = np.array([[0.5, 0.2], [0.4, 0.4]])


@pytest.fixture
def contrast(tmp_path):
    """A file of contrasts of two units and two samples, in an order of its own."""
    table = pd.DataFrame({"sample": [1, 0, 0, 1], "unit": [0, 1, 0, 1]})
    table["unit_name"] = np.array(["a", "b"])[table["unit"]]
    table = table.assign(contrast=0.5, contrast_z=1.0, contrast_p=0.1, contrast_q=0.2)
    table = table.assign(contrast_rank=1, attributed=False)
    write_table(tmp_path / "contrast.parquet", table)
    return tmp_path / "contrast.parquet"


def measured(contrast, names):
    exact = np.array([[True, False], [True, True]])
    statistics = {"distance": (DISTANCE, P, DISTANCE - 2)}
    return tables.influence_table(statistics, np.array(names), contrast, SHAPE, exact)


def test_a_row_of_influence_by_hand(contrast):
    table = measured(contrast, ["a", "b"])
    assert table["sample"].tolist() == [0, 0, 1, 1]
    assert table["unit_name"].tolist() == ["a", "b", "a", "b"]
    assert table["distance"].tolist() == [1, 3, 4, 2]
    assert table["distance_rank"].tolist() == [2, 1, 1, 2]
    assert table["distance_q"].tolist() == [0.5, 0.5, 0.4, 0.4]  # Benjamini-Hochberg of each sample
    assert table["contrast_p"].tolist() == [0.1] * 4
    assert table["distance_published"].to_numpy() == pytest.approx(
        np.array([1, 3, 4, 2]) * np.sqrt(3072) / 2
    )
    assert table["exact"].tolist() == [True, True, False, True]


def test_a_contrast_of_other_units_is_refused(contrast):
    with pytest.raises(InputError, match=r"has 4 pairs .* of which 2 are among the 4 of the land"):
        measured(contrast, ["a", "other"])


def test_the_table_of_null_words_by_hand():
    table = tables.null_table({"distance": np.array([[1.0, 2.0], [3.0, 4.0]])})
    assert table.to_numpy().tolist() == [[0, 0, 1], [0, 1, 3], [1, 0, 2], [1, 1, 4]]
    assert list(table) == ["sample", "word", "distance"]


def test_the_radius_is_the_largest_distance():
    table = tables.radius_table(DISTANCE, np.array([[2.0, 0.5]]), SHAPE)
    assert table["radius"].tolist() == [3, 4]
    assert table["unit"].tolist() == [1, 0]
    assert table["null_radius"].tolist() == [2, 0.5]
    assert table["radius_published"].to_numpy() == pytest.approx(
        np.array([3, 4]) * np.sqrt(3072) / 2
    )
    assert tables.radius_table(DISTANCE, np.zeros((0, 2)), SHAPE)["null_radius"].isna().all()
