"""Resolution: what a lone unit can reach, by hand."""

from math import comb

import numpy as np
import pytest
from encoded_ensembles.influence.calibration import p_and_z
from encoded_ensembles.influence.resolution import (
    balance_warning,
    lone_q,
    members_for,
    resolution_warning,
)
from scipy.stats import false_discovery_control


def test_a_lone_unit_reaches_what_benjamini_and_hochberg_give_it():
    """Issue 14.22: one unit above all null values, among others of which none is."""
    null = np.arange(1, 100, dtype=float)  # 99 words: p is at least 0.01
    value = np.array([1000.0, *np.linspace(0, 50, 19)])[:, None]
    p, _ = p_and_z(value, null[None])
    assert p[0] == 0.01
    q = false_discovery_control(p, axis=0)
    assert q[0, 0] == pytest.approx(lone_q(20, 99)) == pytest.approx(0.2)
    assert lone_q(200, 99) == 1


def test_the_members_that_are_named_suffice_and_no_fewer_do():
    for units, level in ((128, 0.05), (512, 0.05), (10, 0.01)):
        n = members_for(units, level=level)
        assert lone_q(units, comb(n, n // 2) - units) <= level
        fewer = comb(n - 2, n // 2 - 1) - units
        assert fewer <= 0 or lone_q(units, fewer) > level
    assert members_for(128, level=0.05) == 14
    assert members_for(10**30, level=0.05) is None


@pytest.mark.parametrize(
    ("units", "words", "members", "advice"),
    [
        (128, 796, 12, "code.members: 14 with half of them in each word would do."),
        (2000, 10_000, 18, "set contrast.null_words to at least 39999."),
        (12, 0, 12, "use a code family with free code words, or fewer units."),
    ],
)
def test_a_coarse_null_distribution_is_warned_of(units, words, members, advice):
    said = resolution_warning(units, words, members=members, limit=10_000, level=0.05)
    assert said.endswith(advice)
    assert f"at least {lone_q(units, words):.2g} with {units} units and {words} free" in said
    assert resolution_warning(128, 3175, members=14, limit=10_000, level=0.05) is None


def test_balanced_codes_are_said_to_be_approximate():
    assert "approximate with code.family balanced" in balance_warning("balanced")
    assert balance_warning("random") is None
