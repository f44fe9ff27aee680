"""Kept tables of studies that were computed again: each row follows from the kept tables that it names."""

import numpy as np
import pandas as pd
import pytest
from encoded_ensembles.grading.scoreboard import Grade, agreement
from scipy.stats import binomtest, ttest_1samp
from workspace import REPOSITORY

KEPT = REPOSITORY / "docs/studies"


def test_planted_shares_count_planted_units():
    """The samples of a plant share one word: two trials, whatever the number of samples."""
    table = pd.read_csv(KEPT / "planted/scoreboard.csv")
    shares = table[
        table["grade"].isin([f"planted_{x}" for x in ("top", "false", "found", "wrong")])
    ]
    assert len(shares) == 58
    for row in shares.itertuples():
        low, high = binomtest(round(row.value * 2), 2).proportion_ci(method="wilson")
        expected = (min(low, row.value), max(high, row.value))
        assert (row.low, row.high) == pytest.approx(expected)


def test_agreement_on_fashion_is_over_real_methods():
    table = pd.read_csv(KEPT / "fashion/scoreboard.csv")
    grades = [Grade(*row) for row in table.itertuples(index=False)]
    draws = {
        grade: {row.method: np.array([row.value]) for row in part.itertuples()}
        for grade, part in table.groupby("grade")
    }
    found = {row[1]: row[2:4] for row in agreement(draws, grades)}
    for row in pd.read_csv(KEPT / "fashion/agreement.csv").itertuples():
        assert found[row.second] == (16, pytest.approx(row.kendall))


@pytest.mark.parametrize(
    ("power", "mean", "low", "high", "of_means"), [(1, 93, 77, 109, 92), (2, 90, 43, 136, 82)]
)
def test_the_seeds_share_on_the_page(power, mean, low, high, of_means):
    """In percent, over the four units with a fresh seed (docs/studies.md)."""
    truth = pd.read_csv(KEPT / "retraining/truth.csv").dropna(subset=["seed"])
    means = (truth[["seed", "fresh"]] ** power).groupby(truth["unit"]).mean()
    shares = 100 * means["seed"] / means["fresh"]
    ends = ttest_1samp(shares, 0).confidence_interval()
    ratio = 100 * means["seed"].mean() / means["fresh"].mean()
    assert [round(each) for each in (shares.mean(), *ends, ratio)] == [mean, low, high, of_means]
