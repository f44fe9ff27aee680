"""encens measure-sizes: the test of false attribution, by hand and in the kept table."""

import numpy as np
import pandas as pd
import pytest
from encoded_ensembles.commands.measure_sizes import count_unchanged, measure_sizes
from encoded_ensembles.runs import layout
from encoded_ensembles.storage.files import write_table, write_tensors
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
            "sample": [0, 1],
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
    tables = [tmp_path / f"{name}.parquet" for name in ("radius", "unchanged", "attributions")]
    measure_sizes([run], *tables)
    found = pd.read_csv(tmp_path / "unchanged.csv").iloc[0]
    assert found[["unchanged", "unchanged_other", "p"]].tolist() == pytest.approx([0, 0.5, 3 / 8])
    # Another run of this size has other units: none of four samples stays, p = (3/16)^2 for none and all.
    measure_sizes([run, other], *tables)
    found = pd.read_csv(tmp_path / "unchanged.csv").iloc[0]
    expected = [4, 4, 0, 0.5, 2 * (3 / 16) ** 2]
    assert found[
        ["samples", "trials", "unchanged", "unchanged_other", "p"]
    ].tolist() == pytest.approx(expected)
    assert pd.read_csv(tmp_path / "radius.csv")["run"].tolist() == ["other"] * 2 + ["run"] * 2


def test_kept_tests_are_those_of_the_kept_attributions():
    kept = REPOSITORY / "docs/studies/sizes"
    found = count_unchanged(pd.read_csv(kept / "attributions.csv"))
    pd.testing.assert_frame_equal(found, pd.read_csv(kept / "unchanged.csv"))


@pytest.mark.parametrize(
    ("metric", "seeds", "stay", "expected", "p"),
    [
        ("pixels", "012", 118, 121.9, 0.31),
        ("stlpips", "012", 101, 115.7, 0.0006),
        ("classifier", "012", 103, 114.5, 0.01),
        ("classifier", "0", 29, 38.0, 0.002),
        ("classifier", "12", 74, 76.5, 0.49),
    ],
)
def test_sizes_together_are_as_the_page_says(metric, seeds, stay, expected, p):
    """From 256 units on; docs/studies.md."""
    rows = pd.read_csv(REPOSITORY / "docs/studies/sizes/attributions.csv")
    chosen = (rows["units"] >= 256) & (rows["metric"] == metric)
    rows = rows[chosen & rows["run"].str[-1].isin(list(seeds))]
    found = count_unchanged(rows.assign(units=0)).iloc[0]
    counts = found[["unchanged", "unchanged_other"]] * found["samples"]
    assert counts.tolist() == pytest.approx([stay, expected], abs=0.05)
    assert float(f"{found['p']:.1g}" if p < 0.1 else f"{found['p']:.2g}") == p
