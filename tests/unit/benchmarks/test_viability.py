"""The program of the study of viability (studies/viability.py): ratios within a run, and intervals over seeds."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t
from workspace import REPOSITORY


@pytest.fixture
def viability(monkeypatch):
    """The program as a module."""
    monkeypatch.syspath_prepend(REPOSITORY / "studies")
    return __import__("viability")


def test_the_interval_over_all_sizes_counts_seeds_once(viability):
    """Two seeds at two sizes are two independent things: logs of ratios 0 and 2, half-width t(1) * 1."""
    table = pd.DataFrame(
        [
            *(("r-8-0", 8, np.exp(1.0)), ("r-16-0", 16, np.exp(-1.0))),  # mean of logs 0
            *(("r-8-1", 8, np.exp(1.0)), ("r-16-1", 16, np.exp(3.0))),  # 2
        ],
        columns=["run", "images", "factual"],
    ).assign(member=1.0, full=1.0, ablated=1.0)
    found = viability.summary(table)
    found = found[found["pair"] == "factual / member"].set_index("images")
    both = found[found.index.isna()].iloc[0]
    half = t.ppf(0.975, 1)
    assert both["seeds"] == 2
    ends = both[["ratio", "low", "high"]].astype(float)
    np.testing.assert_allclose(np.log(ends), [1, 1 - half, 1 + half])
    eight = found.loc[8, ["ratio", "low", "high"]].astype(float)
    np.testing.assert_allclose(np.log(eight), [1, 1, 1], atol=1e-12)
    assert np.log(found.loc[16, "ratio"]) == pytest.approx(1)
    assert both["p_value"] == pytest.approx(2 * t.sf(1, 1))


def test_a_scale_of_one_run_changes_no_ratio(viability):
    """Each run has a classifier of its own, which gives its distances a scale of their own."""
    sets = ("factual", "ablated", "member", "full")
    runs = pd.DataFrame({"run": ["r-8-0", "r-8-1"], "images": 8})
    runs = runs.assign(**{name: [2.0 + place, 5.0 - place] for place, name in enumerate(sets)})
    scaled = runs.copy()
    scaled.loc[1, list(sets)] *= 10
    pd.testing.assert_frame_equal(viability.summary(runs), viability.summary(scaled))


def test_kept_ratios_are_those_of_the_kept_runs(viability):
    kept = REPOSITORY / "docs/studies/viability"
    expected = viability.summary(pd.read_csv(kept / "viability_runs.csv"))
    found = pd.read_csv(kept / "viability.csv").astype({"images": "Int64"})
    pd.testing.assert_frame_equal(found, expected)
