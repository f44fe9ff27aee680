"""Naming units and groups: hand-made evidence, laws of the tests, and decoys that can fail."""

import numpy as np
import pandas as pd
import pytest
from encoded_ensembles.codes import words
from encoded_ensembles.codes.families import Family
from encoded_ensembles.influence import calibration, contrast, decoys, naming
from encoded_ensembles.influence.observer import Observed, Observer
from encoded_ensembles.storage.errors import InputError
from made_evidence import FAMILY, MEMBERS, free, made
from scipy import stats


def test_a_strong_unit_is_named_and_others_are_not():
    arrays, observed, *_ = made(effect=0.8)
    tests = naming.test_units(observed, arrays["code"], free(arrays))
    columns = naming.pair_columns(tests, observed.order, level=0.05)
    named = columns["attributed"]
    assert named[np.arange(4), np.arange(4)].all()
    assert named.sum() <= 5
    assert columns["joint_rank"][np.arange(4), np.arange(4)].tolist() == [1] * 4
    assert (columns["joint_q_plain"] >= columns["joint_p"]).all()
    assert columns["weight"].mean(axis=0) == pytest.approx(np.ones(4))
    for name in ("joint", "contrast"):
        assert tests[name].p[np.arange(4), np.arange(4)].max() < 0.02


def test_an_effect_in_another_direction_is_found_by_the_undirected_change_only():
    arrays, _, estimate, images, order = made(effect=0)
    away = np.random.default_rng(5).normal(size=16)
    towards = images[0].ravel() - estimate[:, 0].mean(axis=0).ravel()
    away -= towards * (away @ towards) / (towards @ towards)
    estimate[arrays["code"][0], 0] += 0.8 * away.reshape(1, 4, 4)
    observer = Observer(images[:20], np.arange(20), arrays["code"], order)
    observer.add(estimate)
    tests = naming.test_units(observer.observed(), arrays["code"], free(arrays))
    assert tests["undirected"].p[0, 0] < 0.02
    assert tests["contrast"].p[0, 0] > 0.05


def test_undirected_change_by_hand():
    """Residuals 2, -2 of two members in one number: means differ by 4, squared 16."""
    change = np.array([[[4.0, -4.0], [-4.0, 4.0]]])
    assert naming.changes(change, np.array([[True, False], [False, True]])).tolist() == [[16], [16]]


def test_units_beyond_the_candidates_are_tested_by_contrast():
    arrays, _, estimate, images, order = made(effect=0.5)
    few = Observer(images[:20], np.arange(20), arrays["code"], order, candidates=5)
    few.add(estimate)
    tests = naming.test_units(few.observed(), arrays["code"], free(arrays))
    for sample, row in enumerate(order):
        assert np.isnan(tests["joint"].value[row[5:], sample]).all()
        assert np.isfinite(tests["joint"].value[row[:5], sample]).all()
        assert np.array_equal(
            tests["joint"].p[row[5:], sample], tests["contrast"].p[row[5:], sample]
        )


def test_a_sample_alone_is_tested_as_among_others():
    """With pictures scaled one by one: nothing depends on the other pictures."""
    arrays, _, estimate, images, order = made(effect=0.2)

    def tested(rows):
        observer = Observer(images[:20], np.arange(20), arrays["code"], order[rows], single=True)
        observer.add(estimate[:, rows])
        return naming.test_units(observer.observed(), arrays["code"], free(arrays))

    together, alone = tested([0, 1, 2, 3]), tested([2])
    for name, (value, p, _) in alone.items():
        assert value[:, 0] == pytest.approx(together[name].value[:, 2], abs=1e-6), name
        assert np.array_equal(p[:, 0], together[name].p[:, 2]), name


def test_what_is_observed_survives_a_file():
    _, observed, *_ = made(effect=0.2)
    again = Observed.read(observed.arrays())
    assert np.array_equal(again.order, observed.order)
    assert np.allclose(again.joint.precision, observed.joint.precision, rtol=1e-5)
    assert again.sets.keys() == observed.sets.keys() == {1, 2, 3, 5, 10}
    assert again.moved is None


def test_more_words_are_used_only_for_small_p_values(monkeypatch):
    """A value that is not small stops with the first words; p of the others is of all words."""
    monkeypatch.setattr(calibration, "FIRST", 50)
    monkeypatch.setattr(calibration, "WORDS", 20)
    rng = np.random.default_rng(0)
    null, value = rng.normal(size=(3, 400)), np.array([0.0, 2.2, 9.0])
    asked = []

    def null_of(rows, chosen):
        asked.append((rows.tolist(), len(chosen)))
        return null[np.ix_(rows, chosen[:, 0])]

    p, z = calibration.staged_p_and_z(value, null_of, np.arange(400)[:, None])
    assert p[0] == (1 + (null[0, :50] >= 0).sum()) / 51
    assert p[1] == (1 + (null[1] >= 2.2).sum()) / 401
    assert p[2] == 1 / 401
    assert max(count for _, count in asked) <= 20
    assert z[2] == pytest.approx((9 - null[2, :20].mean()) / null[2, :20].std())
    nothing, none = calibration.staged_p_and_z(value, null_of, np.zeros((0, 1)))
    assert nothing.tolist() == [1, 1, 1]
    assert np.isnan(none).all()


def test_staged_p_values_keep_their_level(monkeypatch):
    monkeypatch.setattr(calibration, "FIRST", 40)
    rng = np.random.default_rng(1)
    null = rng.normal(size=(20_000, 400))
    p, _ = calibration.staged_p_and_z(
        rng.normal(size=20_000), lambda rows, chosen: null[np.ix_(rows, chosen[:, 0])],
        np.arange(400)[:, None],
    )  # fmt: skip
    for level in (0.005, 0.01, 0.05, 0.25, 0.5):
        assert (p <= level).mean() < level + 3 * np.sqrt(level / 20_000)


def test_sets_draw_from_their_own_words_and_the_free_ones():
    """Two units and words a, b (own), c, d: p of the only best way to give two of four words."""
    every = words.unpack(words.unrank(np.arange(6), members=4, weight=2), members=4)
    precision = np.tile(np.eye(4), (1, 2, 1, 1))
    code = every[:2]
    pull = (code - 0.5)[None] * 10.0
    evidence = naming.Evidence(pull, precision)
    observed = Observed(np.array([[0, 1]]), np.zeros((1, 2, 4)), np.zeros((1, 4, 4)), evidence, {2: evidence})  # fmt: skip
    table = naming.test_sets(observed, code, every[2:])
    assert table["units"].tolist() == [2]
    # 6 words, 30 ordered pairs, of which only the units' own reaches the score.
    assert table["p_value"].iloc[0] == pytest.approx(1 / 30, abs=0.02)
    assert list(table) == ["sample", "units", "score", "p_value", "p_null"]
    assert list(naming.test_sets(observed, code, every[:1])) == list(table)


def test_null_words_of_sets_differ_between_samples():
    """Of equal samples p_value is the same, and p_null is drawn anew: 64 samples share no null word of 128."""
    every = words.unpack(words.unrank(np.arange(130), members=10, weight=4), members=10)
    code, free = every[:2], every[2:]
    pull = np.tile(np.random.default_rng(0).normal(size=(1, 2, 10)), (64, 1, 1))
    evidence = naming.Evidence(pull, np.tile(np.eye(10), (64, 2, 1, 1)))
    order = np.tile([0, 1], (64, 1))
    observed = Observed(order, np.zeros((64, 2, 10)), np.zeros((64, 10, 10)), evidence, {2: evidence})  # fmt: skip
    table = naming.test_sets(observed, code, free)
    assert (table["p_value"] == table["p_value"][0]).all()
    assert table["p_null"].nunique() > 32
    assert (table["p_null"] <= 0.5).mean() == pytest.approx(0.5, abs=0.15)


def test_answers_go_from_units_to_groups_to_nothing():
    attributed = np.array([[True, False, False, False], [True, False, False, False], [False] * 4])
    q = np.array([[0.01, 0.2, 0.3, 0.4], [0.03, 0.3, 0.4, 0.5], [0.9] * 4])
    p_values = {3: [1, 0.04, 0.20, 0.03], 2: [1, 0.01, 0.01, 0.02], 1: [1, 0.2, 0.01, 0.01]}
    sets = pd.DataFrame(
        [(sample, units, p) for units, row in p_values.items() for sample, p in enumerate(row)],
        columns=["sample", "units", "p_value"],
    )
    said = naming.answers(attributed, q, sets, level=0.05)
    assert said["answer"].tolist() == ["units", "group", "nothing", "group"]
    assert said["units"].tolist() == [2, 2, 0, 1]
    assert said["rate"].tolist() == pytest.approx([0.03, 0.04, 0.3, 0.03])
    order = np.array([[2, 1, 0]] * 4)
    names = naming.answer_names(said, attributed, order, np.array(["a", "b", "c"]))
    assert names == ["b; a", "c; b", "", "c"]
    nothing = naming.answers(attributed[:, 1:], q[:, 1:], sets[:0], level=0.05)
    assert nothing["answer"].tolist() == ["nothing"] * 3


def test_a_unit_over_all_samples_is_tested_by_its_weighted_mean_score():
    arrays, observed, *_ = made(effect=0.8)
    value, p, z = naming.test_over_samples(observed, arrays["code"], free(arrays))
    unit, weight = 2, 1 / (1 + np.array([2, 1, 0, 19]))
    parts = [
        naming.scores(
            naming.Evidence(*(part[sample, [place]] for part in observed.joint)),
            arrays["code"][[unit]],
        )[0, 0]
        for sample, place in enumerate([2, 1, 0, 19])
    ]
    assert value[unit] == pytest.approx(weight @ parts / weight.sum())
    assert p.shape == z.shape == (20,)
    assert p[:4].max() < 0.05


def test_an_undirected_change_ties_with_that_of_the_complement_whatever_the_rounding():
    """Words of half of the members: the largest change of all words is given by two of them."""
    arrays, observed, *_ = made(effect=8)
    every = free(arrays)
    complements = {(~word).tobytes() for word in every}
    strongest = [b for b in range(4) if arrays["code"][b].tobytes() in complements]
    assert strongest
    for units in (20, 7, 4):
        p = naming.test_changes(observed.change, arrays["code"][:units], every).p
        assert (p[strongest, strongest] == 2 / (len(every) + 1)).all()


def watched(arrays, estimate, images, order, *, draws, candidates=128):
    def likeness(given, unit_of):
        extra = np.arange(20, len(given))
        return np.stack([np.concatenate([row, extra]) for row in order])[:, : unit_of.max() + 1]

    training, heldout = np.arange(20), np.arange(20, 32)
    watch = decoys.Watch(
        arrays, training, heldout, see=lambda rows: images[rows], likeness=likeness,
        candidates=candidates, draws=draws, seed=0,
    )  # fmt: skip
    watch.add(estimate, decode=True)
    return watch


def test_decoys_have_free_words_of_their_own_and_are_rarely_named():
    arrays, observed, estimate, images, order = made(effect=0.8)
    watch = watched(arrays, estimate, images, order, draws=3)
    assert np.array_equal(watch.real.observed().pulls, observed.pulls)
    taken = {word.tobytes() for word in np.concatenate([arrays["code"], arrays["null_words"]])}
    for given in watch.words:
        assert given.shape == (12, MEMBERS)
        assert (given.sum(axis=1) == 5).all()
        assert len({word.tobytes() for word in given} - taken) == 12
    assert not np.array_equal(watch.words[0], watch.words[1])
    table = decoys.check_table(
        decoys.read_decoys(watch.decoy_arrays()), arrays["code"], free(arrays), level=0.05
    )
    assert table["statistic"].tolist() == list(naming.STATISTICS)
    assert table["tests"].tolist() == [3 * 12 * 4] * 3
    assert (table["share"] < 0.15).all()
    joint = table.iloc[0]
    assert joint["attributed"] >= 3 * 4
    assert joint["false_share"] < 0.2
    weight = 1 / np.arange(1, 33)  # the decoys are the 12 least alike
    factor = weight.sum() / weight[20:].sum()
    assert joint["false_most"] == pytest.approx(min(1, joint["false_share"] * factor))


def test_only_decoys_that_are_candidates_test_the_joint_score():
    """Of 32 units and decoys the 24 most alike are decoded: 4 of the 12 decoys, on each of 4 samples."""
    arrays, _, estimate, images, order = made(effect=0.8)
    watch = watched(arrays, estimate, images, order, draws=3, candidates=24)
    table = decoys.check_table(
        decoys.read_decoys(watch.decoy_arrays()), arrays["code"], free(arrays), level=0.05
    )
    assert table["tests"].tolist() == [3 * 4 * 4, 3 * 12 * 4, 3 * 12 * 4]


def test_estimates_that_are_not_finite_are_refused():
    arrays, _, estimate, images, order = made(effect=0.8)
    broken = estimate.copy()
    broken[3, 2, 0, 0, 0] = np.inf
    with pytest.raises(
        InputError, match="member 03 estimates sample or picture 2 with values that"
    ):
        watched(arrays, broken, images, order, draws=1)


def test_intervals_of_decoys_count_the_draws_that_have_a_share():
    """By hand: 1 of 20 and 2 of 30 in two draws of five; no draw has p <= 0.05; all draws alike."""
    rows = pd.DataFrame(
        {
            "statistic": "joint", "tests": 100, "small": 5, "attributed": [0, 0, 0, 20, 30],
            "false": [0, 0, 0, 1, 2], "samples": 10, "samples_false": [0, 1, 0, 0, 0], "draw": range(5),
        }
    )  # fmt: skip
    table = decoys._shares(rows).iloc[0]
    assert table["false_share"] == 3 / 50
    half = stats.t.ppf(0.975, 1) * np.std([1 / 20, 2 / 30], ddof=1) / np.sqrt(2)
    assert table["false_share_high"] == pytest.approx(3 / 50 + half)
    half = stats.t.ppf(0.975, 4) * np.std([0, 0.1, 0, 0, 0], ddof=1) / np.sqrt(5)
    assert table["samples_share_high"] == pytest.approx(1 / 50 + half)
    assert table["share"] == 0.05
    assert np.isnan(table[["share_low", "share_high"]].to_numpy(float)).all()


def test_decoys_notice_words_that_are_not_exchangeable(monkeypatch):
    """Words that follow the members' estimates, as no drawing by chance would give."""
    arrays, _, estimate, images, order = made(effect=0)

    def follow(names, code, null_words, family, *, count, seed, draw):
        every = free(arrays)
        pull = contrast.pulls(
            estimate.reshape(MEMBERS, 4, 16), images.reshape(32, 16).astype(float), np.arange(32)
        )
        value = contrast.null_contrasts(pull[:, 20:], every).mean(axis=1)  # (12, R)
        chosen = []
        for row in value:
            row[chosen] = -np.inf
            chosen.append(int(row.argmax()))
        return every[chosen]

    monkeypatch.setattr(decoys, "decoy_words", follow)
    watch = watched(arrays, estimate, images, order, draws=1)
    table = decoys.check_table(
        decoys.read_decoys(watch.decoy_arrays()), arrays["code"], free(arrays), level=0.05
    )
    assert table.set_index("statistic").loc["contrast", "share"] > 0.15


def test_codes_whose_words_are_shared_have_no_decoys():
    assert decoys.count_decoys(20, 12, 0, Family("partition", 10, 1)) == 0
    assert decoys.count_decoys(20, 12, 5, FAMILY) == 12
    assert decoys.count_decoys(240, 300, 8, FAMILY) == 2
    assert decoys.check_table([], np.zeros((0, 3), bool), np.zeros((0, 3), bool), level=0.05).empty
