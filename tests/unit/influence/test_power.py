"""Power before training: by hand, and rising as it should."""

import numpy as np
import pandas as pd
import pytest
from encoded_ensembles.influence import power

ROWS = [
    (units, statistic, rank, mean / rank, 0.1)
    for units, mean in ((100, 1.0), (10_000, 0.1))
    for statistic in ("joint", "contrast")
    for rank in range(1, power.RANKS + 1)
]
EFFECTS = pd.DataFrame(ROWS, columns=["units", "statistic", "rank", "mean", "spread"])


def test_effects_between_and_beyond_measured_sizes_by_hand():
    """Ten times fewer at 100 times more units: the power is -1/2. Halfway in the logarithm, the mean."""
    for units, first in ((100, 1.0), (1_000, 0.55), (10_000, 0.1), (1_000_000, 0.01), (1, 10.0)):
        mean, spread = power.effects_at(EFFECTS, units, "joint")
        assert mean[:3] == pytest.approx(first / np.arange(1, 4))
        assert spread == pytest.approx(np.full(power.RANKS, 0.1) * mean[0] / np.interp(
            np.log(np.clip(units, 100, 10_000)), np.log([100, 10_000]), [1.0, 0.1]))  # fmt: skip


def test_power_rises_with_members_and_weights_and_falls_with_units():
    def share(units, members, **options):
        return power.expected_named(units, members, effects=EFFECTS, **options)

    shares = [share(1_000, members) for members in (14, 24, 60)]
    assert shares == sorted(shares)
    assert shares[0] < 0.7 < 0.85 < shares[-1]
    assert share(1_000, 24, weighted=False) < shares[1]
    assert share(10_000, 24) < shares[1]
    assert share(200, 8) == 0.0  # 70 words do not suffice for 200 units
    assert share(1_000, 24) == shares[1]


def test_without_free_words_nothing_is_named_and_few_of_them_name_less():
    """Words of a weight other than half say less, as 4 w (n - w) / n members with half would."""

    def share(members, **options):
        return power.expected_named(200, members, effects=EFFECTS, **options)

    assert share(24, words=0) == 0.0
    assert share(24, words=100) < share(24, words=1_000) <= share(24)
    assert (
        share(24, weight=6, words=10_000)
        == share(18, weight=9, words=10_000)
        < share(24, words=10_000)
    )


def test_needed_members_are_the_first_that_suffice():
    options = {"effects": EFFECTS}
    found = power.members_needed(1_000, share=0.8, **options)
    assert power.expected_named(1_000, found, **options) >= 0.8
    assert power.expected_named(1_000, found - 2, **options) < 0.8
    assert power.members_needed(10_000_000, share=0.8, most=12, **options) is None


def test_the_package_has_measured_effects():
    effects = power.measured_effects()
    assert list(effects) == ["units", "statistic", "rank", "mean", "spread"]
    assert set(effects["statistic"]) == {"joint", "contrast"}
    assert len(set(effects["units"])) > 1
