"""The law of radius and size: a line by hand, and what the successor's own table gives."""

import importlib

import numpy as np
import pandas as pd
import pytest
from workspace import REPOSITORY


@pytest.fixture
def law(monkeypatch):
    monkeypatch.syspath_prepend(REPOSITORY / "studies")
    return importlib.import_module("law")


def test_published_slopes(law):
    published = pd.read_csv(REPOSITORY / "docs/published/radius.csv")
    runs = {"r-10-0": [3.0, 5.0], "r-100-0": [2.0], "r-1000-0": [1.0]}
    runs |= {"r-10-1": [10.0], "r-100-1": [10.0], "r-1000-1": [10.0]}
    rows = [
        (int(run.split("-")[1]), run, radius) for run, radii in runs.items() for radius in radii
    ]
    ours = pd.DataFrame(rows, columns=["units", "run", "radius_published"])
    table = law.laws(ours, published).set_index("law")
    assert table.loc["published", ["points", "slope", "r2"]].tolist() == pytest.approx(
        [24, -0.200, 0.852], abs=5e-4
    )
    slopes = {"MNIST": -0.176, "FASHION": -0.051, "CELEBA_BA": -0.183, "CELEBA_SD": -0.210}
    for family, slope in slopes.items():
        assert table.loc[f"published {family}", "slope"] == pytest.approx(slope, abs=5e-4)
    # Means 4, 2, 1 at 10, 100, 1000, and the other seed's of 10: slopes -log10(2) and 0, t(1) = 12.706.
    middle, half = -np.log10(2) / 2, 12.706 * np.log10(2) / 2
    found = table.loc["ours", ["points", "seeds", "slope", "low", "high"]].tolist()
    assert found == pytest.approx([6, 2, middle, middle - half, middle + half], abs=1e-4)


def test_the_interval_by_hand(law):
    """Three points off a line: residuals -1/6, 1/3, -1/6 in decades; one degree of freedom, t 12.706."""
    found = law.line("x", pd.Series([1, 10, 100]), pd.Series([1.0, 10.0**0.5, 1.0]))
    spread = np.sqrt((1 / 36 + 1 / 9 + 1 / 36) / 1 / 2)
    assert (found["slope"], found["high"]) == pytest.approx((0, 12.706 * spread), abs=1e-3)


def test_kept_radii_have_the_kept_slope(law):
    kept = REPOSITORY / "docs/studies/sizes"
    row = law.line_of_runs(pd.read_csv(kept / "radius.csv"))
    found = pd.read_csv(kept / "slope.csv").set_index("law").loc["ours"]
    assert row["seeds"] == found["seeds"] == 3
    for name in ("slope", "low", "high", "r2"):
        assert row[name] == pytest.approx(found[name])
