"""Studies: what near units show together, with all members and with fewer."""

import numpy as np
import pandas as pd
import pytest
from encoded_ensembles.commands.measure_retraining import measure_retraining
from encoded_ensembles.grading.near_signal import (
    first_known,
    member_subsets,
    near_signal,
    seed_share,
    slope,
    with_members,
)
from encoded_ensembles.influence.contrast import null_contrasts, own_contrasts
from encoded_ensembles.storage.files import read_table, write_table


@pytest.fixture
def experiment():
    """Ten members, 40 units, 60 null words; members that saw unit b pull sample b by 3 more."""
    rng = np.random.default_rng(0)
    words = np.array([rng.permutation(10) < 5 for _ in range(100)])
    pull = rng.standard_normal((12, 40, 10))
    for b in range(12):
        pull[b, b] += 3 * words[b]
    return pull, words[:40], words[40:]


def test_a_unit_that_pulls_is_found_and_others_are_not(experiment):
    pull, code, null = experiment
    own = near_signal(pull, code, null, np.arange(12)[:, None], seed=0)
    other = near_signal(pull, code, null, np.arange(12)[:, None] + 20, seed=0)
    assert own.found > 0.8
    assert own.contrast == pytest.approx(3, abs=0.7)
    assert own.z > 2
    assert other.found < 0.3
    assert abs(other.contrast) < 0.7


def test_near_signal_is_the_mean_of_single_contrasts(experiment):
    pull, code, null = experiment
    near = np.stack([np.random.default_rng(b).permutation(40)[:3] for b in range(12)])
    found = near_signal(pull, code, null, near, seed=0)
    single = own_contrasts(pull, code)
    chance = null_contrasts(pull, null)
    mean = [np.mean([single[u, b] for u in near[b]]) for b in range(12)]
    z = [
        (single[u, b] - chance[u, b].mean()) / chance[u, b].std()
        for b in range(12)
        for u in near[b]
    ]
    assert found.contrast == pytest.approx(np.mean(mean))
    assert found.error == pytest.approx(np.std(mean, ddof=1) / np.sqrt(12))
    assert found.z == pytest.approx(np.mean(z))


def test_too_few_words_give_nothing(experiment):
    pull, code, null = experiment
    assert near_signal(pull, code, null[:5], np.zeros((12, 3), np.int64), seed=0) is None


def test_all_members_are_all_there_is(experiment):
    pull, code, null = experiment
    (chosen,) = member_subsets(10, size=10, count=5, seed=0)
    part, own, words, known = with_members(pull, code, null, chosen)
    assert np.allclose(part, pull - pull.mean(axis=2, keepdims=True))
    assert known.all()
    assert (own == code).all()
    assert (words == null).all()
    assert np.allclose(own_contrasts(part, own), own_contrasts(pull, code))


def test_some_members_keep_units_that_they_tell_apart(experiment):
    pull, code, null = experiment
    for chosen in member_subsets(10, size=3, count=4, seed=0):
        assert len(set(chosen)) == 3
        _, own, words, known = with_members(pull, code, null, chosen)
        assert (known == np.isin(own.sum(axis=1), [1, 2])).all()
        assert np.isin(words.sum(axis=1), [1, 2]).all()
        assert known[first_known(np.tile(np.arange(40), (2, 1)), known, size=5)].all()


def test_slope_by_hand():
    assert slope(np.array([1.0, 2.0]), np.array([2.0, 5.0])) == pytest.approx(12 / 5)


def test_seed_share_by_hand():
    """Issue 14.7: both means are over the pairs that have a fresh seed."""
    nan = np.nan
    assert seed_share(np.array([2.0, 4.0, 90.0]), np.array([1.0, 2.0, nan])) == pytest.approx(0.5)
    assert np.isnan(seed_share(np.array([2.0]), np.array([nan])))


def test_retraining_shares_are_over_the_units_with_a_fresh_seed(tmp_path):
    """Issue 14.7: three units on two samples, only the first with a fresh seed."""
    pairs = {"sample": [0, 0, 0, 1, 1, 1], "unit": [0, 1, 2, 0, 1, 2]}
    nan = np.nan
    truth = pd.DataFrame(
        pairs
        | {"same": [2.0, 8, 9, 4, 7, 5], "fresh": [4, nan, nan, 5, nan, nan]}
        | {"seed": [3, nan, nan, 3, nan, nan]}
    )
    write_table(tmp_path / "truth.parquet", truth)
    distances = pd.DataFrame(pairs | {"distance": [10.0, 1, 1, 14, 2, 3]})
    write_table(tmp_path / "influence.parquet", distances)
    measure_retraining(
        tmp_path / "truth.parquet", tmp_path / "influence.parquet", tmp_path / "out.parquet"
    )
    table = read_table(tmp_path / "out.parquet").set_index("way")
    assert table["units"].to_dict() == {"same": 3, "fresh": 1, "seed": 1, "ablation": 3}
    expected = {"same": 6 / 6, "fresh": 6 / 9, "seed": 1, "ablation": 6 / 24}
    assert table["seed_share"].to_dict() == pytest.approx(expected)
