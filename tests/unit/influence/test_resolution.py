"""Resolution: what a lone unit can reach, by hand."""

from math import comb, log

import numpy as np
import pytest
from encoded_ensembles.influence.calibration import p_and_z
from encoded_ensembles.influence.joint import rank_weights
from encoded_ensembles.influence.multiplicity import weighted_q
from encoded_ensembles.influence.resolution import (
    balance_warning,
    lone_q,
    lone_rank,
    members_for,
    resolution_warning,
)


def test_a_lone_unit_reaches_what_the_weighted_procedure_gives_it():
    """One unit above all null values, among others of which none is: the most alike, and that of rank 3."""
    null = np.arange(1, 100, dtype=float)  # 99 words: p is at least 0.01
    for rank in (1, 3):
        value = np.linspace(0, 50, 20)[:, None]
        value[rank - 1] = 1000.0
        p, _ = p_and_z(value, null[None])
        assert p[rank - 1] == 0.01
        q = weighted_q(p, rank_weights(20)[:, None])
        harmonic = sum(1 / k for k in range(1, 21))
        assert q[rank - 1, 0] == pytest.approx(rank * harmonic / 100)
    assert lone_q(20, 99) == pytest.approx(harmonic / 100)
    assert lone_rank(20, 99, level=2 * harmonic / 100) == 2
    assert lone_rank(20, 99, level=1) == 20
    assert lone_q(200, 4) == 1
    assert lone_q(2_000_000, 10**6) == pytest.approx((log(2_000_000) + 0.5772157) / 10**6, rel=1e-5)


def test_the_default_run_names_a_lone_unit_among_the_thirty_most_alike():
    assert lone_rank(128, 3304, level=0.05) == 30


def test_the_members_that_are_named_suffice_and_no_fewer_do():
    for units, level in ((128, 0.05), (512, 0.05), (10, 0.01)):
        n = members_for(units, level=level)
        assert lone_q(units, comb(n, n // 2) - units) <= level
        fewer = comb(n - 2, n // 2 - 1) - units
        assert fewer <= 0 or lone_q(units, fewer) > level
    assert members_for(128, level=0.05) == 10
    assert members_for(10**30, level=0.05) is None


@pytest.mark.parametrize(
    ("units", "words", "members", "advice"),
    [
        (128, 80, 9, "code.members: 10 with half of them in each word would do."),
        (2000, 100, 18, "set contrast.null_words to at least 163."),
        (12, 0, 12, "use a code family with free code words, or fewer units."),
    ],
)
def test_a_coarse_null_distribution_is_warned_of(units, words, members, advice):
    said = resolution_warning(units, words, members=members, limit=100, level=0.05)
    assert said.endswith(advice)
    assert f"at least {lone_q(units, words):.2g} with {units} units and {words} free" in said
    assert resolution_warning(128, 3175, members=14, limit=10_000, level=0.05) is None


def test_balanced_codes_are_said_to_be_approximate():
    assert "approximate with code.family balanced" in balance_warning("balanced")
    assert balance_warning("random") is None
