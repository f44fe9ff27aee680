"""encens measure-sizes: the test of false attribution, by hand and in the kept table."""

import numpy as np
import pandas as pd
import pytest
from encoded_ensembles.commands.measure_sizes import measure_sizes
from encoded_ensembles.runs import layout
from encoded_ensembles.storage.files import write_table, write_tensors
from scipy.stats import binomtest
from workspace import REPOSITORY


def test_unchanged_attributions_are_tested_against_those_without_another_unit(tmp_path):
    """Of two samples none stays; without another unit they do with 1/4 and 3/4: p = 3/16 for none, and for both."""
    run, pair = tmp_path / "run", {"sample": [0, 1], "unit": [0, 0], "distance": 1.0}
    tables = {
        layout.RADIUS: {"sample": [0, 1], "radius_published": 2.0},
        layout.INFLUENCE: pair,
        layout.NULL: pair,
        layout.FALSE_ATTRIBUTION: {
            "metric": "pixels",
            "unit": [0, 1],
            "unchanged": [False, False],
            "unchanged_other": [0.25, 0.75],
        },
    }
    other = tmp_path / "other"
    for folder in (run, other):
        for name, columns in tables.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            write_table(folder / name, pd.DataFrame(columns))
        (folder / layout.SAMPLES).parent.mkdir()
        write_tensors(folder / layout.SAMPLES, {"factual": np.zeros((2, 1, 2, 2), np.float32)})
    measure_sizes([run], tmp_path / "radius.parquet", tmp_path / "unchanged.parquet")
    found = pd.read_csv(tmp_path / "unchanged.csv").iloc[0]
    assert found[["unchanged", "unchanged_other", "p"]].tolist() == pytest.approx([0, 0.5, 3 / 8])
    # Another run of this size has other units: none of four samples stays, p = (3/16)^2 for none and all.
    measure_sizes([run, other], tmp_path / "radius.parquet", tmp_path / "unchanged.parquet")
    found = pd.read_csv(tmp_path / "unchanged.csv").iloc[0]
    expected = [4, 4, 0, 0.5, 2 * (3 / 16) ** 2]
    assert found[
        ["samples", "trials", "unchanged", "unchanged_other", "p"]
    ].tolist() == pytest.approx(expected)
    assert pd.read_csv(tmp_path / "radius.csv")["run"].tolist() == ["other"] * 2 + ["run"] * 2


def test_kept_intervals_are_those_of_the_kept_counts():
    """Of as many trials as units were nearest. Shares that differ vary less than their mean does: p is smaller with a unit for each sample."""
    for row in pd.read_csv(REPOSITORY / "docs/studies/sizes/unchanged.csv").itertuples():
        count = row.unchanged * row.samples
        assert count == pytest.approx(round(count))
        assert row.trials <= row.samples
        test = binomtest(round(row.unchanged * row.trials), row.trials, row.unchanged_other)
        low, high = test.proportion_ci(method="wilson")
        assert (row.low, row.high) == pytest.approx(
            (min(low, row.unchanged), max(high, row.unchanged))
        )
        if row.trials == row.samples:
            assert row.p <= test.pvalue
