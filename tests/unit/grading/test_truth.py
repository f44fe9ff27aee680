"""The truth that grades methods, by hand."""

import numpy as np
import pandas as pd
from encoded_ensembles.grading import truth


def test_distances_of_retraining_by_hand():
    """Four pixels that move by 1 each are a distance of 2."""
    factual = np.zeros((2, 1, 2, 2), np.float32)
    drawn = {"units": np.array([4]), "same": np.stack([[factual[0], factual[0] + 1]])}
    found = truth.retraining_distances(drawn, factual)
    assert {arm: value.tolist() for arm, value in found.items()} == {"same": [[0.0, 2.0]]}


def test_the_table_of_truth_by_hand():
    """Two retrained units and two samples; only the first unit has a fresh seed, none has another."""
    chosen = pd.DataFrame({"unit": [7, 3], "unit_name": ["h", "d"], "chosen": ["random", "near"]})
    moved = {"same": np.array([[1.0, 2.0], [3.0, 4.0]]), "fresh": np.array([[5.0, 6.0]])}
    table = truth.truth_table(chosen, moved)
    assert table["sample"].tolist() == [0, 0, 1, 1]
    assert table["unit_name"].tolist() == ["h", "d", "h", "d"]
    assert table["same"].tolist() == [1, 3, 2, 4]
    assert table["fresh"].fillna(-1).tolist() == [5, -1, 6, -1]
    assert table["seed"].isna().all()


def test_distances_of_samples_are_means_over_repeats():
    """One black pixel: a repeat stays black, and the other is white, 255 away."""
    factual = np.full((1, 1, 1, 1), -1, np.float32)
    held = {"samples": np.stack([[factual, -factual]])}
    found = truth.sample_distances(held, factual, lambda x: x.reshape(len(x), -1).astype(float))
    assert found.tolist() == [[127.5]]


def test_planted_units_by_hand():
    table = pd.DataFrame(
        {
            "plant": ["mark", "mark", "gone", "gone"], "sample": [1, 0, 0, 1],
            "bears": [True, False, True, True], "units": ["4;9", "4;9", "", ""],
        }
    )  # fmt: skip
    found = truth.planted_units(table)
    assert list(found) == ["mark"]  # a plant without units grades nothing
    bears, units = found["mark"]
    assert (bears.tolist(), units.tolist()) == ([False, True], [4, 9])


def test_units_are_attributed_up_to_the_level():
    table = pd.DataFrame({"contrast_q": [0.05, 0.06, 0.5, 0.01], "ssim_q": 1.0})
    found = truth.attributed_units(
        table, shape=(2, 2)
    )  # rows are those of one sample after another
    assert found["contrast z"].tolist() == [[True, False], [False, True]]
    assert not found["ablation ssim"].any()
