"""The program of the paper's study (studies/paper.py): intervals of correlations, and what its kept table says."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp
from workspace import REPOSITORY

KEPT = REPOSITORY / "docs/studies/paper-mnist"


@pytest.fixture
def paper(monkeypatch):
    """The program as a module."""
    monkeypatch.syspath_prepend(REPOSITORY / "studies")
    return __import__("paper")


def test_the_interval_of_correlations_is_that_of_fishers_z(paper):
    """Of z 0 and 2: mean 1, standard error 1, t(1) 12.706; as correlations within -1 and 1."""
    found = paper.mean_correlation([0.0, np.tanh(2)])
    assert found == pytest.approx(np.tanh([1, 1 - 12.706, 1 + 12.706]), abs=1e-6)
    found = paper.mean_correlation([0.3, 0.9, 0.95, 0.97, 0.98, 0.9, 0.99, 0.5])
    assert -1 < found[1] < found[0] < found[2] < 1


def test_kept_null_radii_are_those_of_the_kept_samples():
    """The largest distance under a null word stands in the scale of the radius beside it."""
    rows = pd.read_csv(KEPT / "paper.csv").set_index(["run", "quantity"])
    assert not {"distance", "null_distance"} & set(rows.index.get_level_values("quantity"))
    for run in ("paper-mnist-independent", "paper-mnist-shared"):
        table = pd.read_csv(KEPT / f"{run}-radius.csv")
        for name in ("radius", "null_radius"):
            values = table[name] * table["radius_published"] / table["radius"]
            ends = ttest_1samp(values, 0).confidence_interval()
            expected = [values.mean(), *ends]
            assert rows.loc[(run, name), ["value", "low", "high"]].tolist() == pytest.approx(
                expected
            )
