"""Exposure-calibrated attribution: facts by hand, noise by enumeration, and what it learns."""

from itertools import combinations

import numpy as np
import pytest
from encoded_ensembles.commands.expect_influence import expect_influence
from encoded_ensembles.data import images as data
from encoded_ensembles.grading import gains
from encoded_ensembles.influence import expected
from encoded_ensembles.storage import files


def test_likeness_by_hand():
    distance = np.array([[2.0, 1.0], [4.0, 0.0]])
    facts = expected.likeness(distance, "pixels")
    assert facts["pixels closeness"].tolist() == [[-0.5, -1], [-1, 0]]
    assert np.allclose(facts["pixels order"], [[0, -np.log(2)], [-np.log(2), 0]])
    for name, each in facts.items():
        if "share" in name:
            assert np.allclose(np.exp(each).sum(axis=0), 1)
            assert each[0, 0] > each[1, 0]


def test_variances_equal_those_over_all_words():
    rng = np.random.default_rng(0)
    pull = rng.normal(size=(2, 3, 7))
    words = np.zeros((3, 7), bool)
    words[:, :3] = True
    found = expected.variances(pull, words)
    for b in range(2):
        for u in range(3):
            each = [
                pull[b, u, list(inside)].mean() - np.delete(pull[b, u], inside).mean()
                for inside in combinations(range(7), 3)
            ]
            assert found[u, b] == pytest.approx(np.var(each))
    assert np.isnan(expected.variances(pull, np.ones((3, 7), bool))).all()


def learnable(*, units=150, samples=20, noise=1.0, seed=0):
    """Return facts, true influence and noisy contrasts (U, B)."""
    rng = np.random.default_rng(seed)
    fact = rng.normal(size=(units, samples, 3)).astype(np.float32)
    true = np.maximum(fact[..., 0], 0) + 0.3 * rng.normal(size=(units, samples))
    facts = expected.Facts(fact, ["one", "two", "three"], np.array([1, 1, 0]))
    return facts, true, true + noise * rng.normal(size=true.shape)


@pytest.mark.parametrize("kind", expected.KINDS)
def test_the_prior_is_what_is_found_on_average(kind):
    facts, true, contrast = learnable()
    prior = expected.predict_prior(facts, contrast, np.ones(20), kind=kind, seed=0)
    assert np.corrcoef(prior.ravel(), true.ravel())[0, 1] > 0.7
    for part in np.array_split(np.argsort(prior, axis=None), 5):
        assert prior.ravel()[part].mean() == pytest.approx(true.ravel()[part].mean(), abs=0.15)


@pytest.mark.parametrize("kind", ["isotonic", "linear"])
def test_what_is_learnt_from_few_noisy_contrasts_is_not_too_extreme(kind):
    """The line of truth over prior has the slope 1 on average; of models as they are fitted it has 0.6 to 0.7 here."""
    priors, truths = [], []
    for seed in range(20):
        facts, true, contrast = learnable(units=60, samples=10, noise=3.0, seed=seed)
        found = expected.predict_prior(facts, contrast, np.ones(10), kind=kind, seed=0)
        priors.append(found.ravel())
        truths.append(true.ravel())
    slope, _ = np.polyfit(np.concatenate(priors), np.concatenate(truths), 1)
    assert slope == pytest.approx(1, abs=0.12)


@pytest.mark.parametrize("kind", expected.KINDS)
@pytest.mark.parametrize("sign", [1, -1])  # of what each fold shows of what the others tell it
def test_the_line_keeps_the_order_of_units(kind, sign):
    """Its slope is above 0 whatever it is measured to be, and at most 1."""
    rng = np.random.default_rng(0)
    rows, fold = rng.normal(size=(2000, 3)), np.arange(2000) % 2
    targets = np.where(fold, 1, sign) * rows[:, 0] + rng.normal(size=2000)
    rising = np.array([1, 0, 0])
    raw = expected._fit(kind, rising, rows, targets)(rows)
    drawn = expected._fit_shrunk(kind, rising, rows, targets, fold)(rows)
    slope, _ = np.polyfit(raw, drawn, 1)
    assert np.allclose(drawn - drawn.mean(), slope * (raw - raw.mean()))
    assert (slope > 0.8) if sign > 0 else (slope == pytest.approx(expected.LEAST))
    assert slope <= 1 + 1e-9
    assert drawn.mean() == pytest.approx(targets.mean(), abs=0.1)


@pytest.mark.parametrize("kind", expected.KINDS)
def test_what_all_pairs_have_in_common_stays(kind):
    facts, _, contrast = learnable(units=120, samples=10, noise=3.0)
    found = expected.predict_prior(facts, contrast + 50, np.ones(10), kind=kind, seed=0)
    assert found.mean() == pytest.approx(50 + contrast.mean(), abs=0.5)


def test_folds_are_of_samples(monkeypatch):
    """The pairs of a sample are in one fold, those that a prior is learnt from are of the four others."""
    seen = []

    def fit(kind, rising, rows, targets, fold):
        samples = rows[:, 0].astype(int)
        folds = {(s, f) for s, f in zip(samples.tolist(), fold.tolist(), strict=True)}
        assert len(folds) == len(set(samples.tolist())) == 8
        seen.append(len(set(fold.tolist())))
        return lambda values: np.zeros(len(values))

    monkeypatch.setattr(expected, "_fit_shrunk", fit)
    values = np.broadcast_to(np.arange(10.0)[:, None], (60, 10, 1))
    facts = expected.Facts(values, ["sample"], np.array([0]))
    expected.predict_prior(facts, np.ones((60, 10)), np.ones(10), kind="linear", seed=0)
    assert seen == [4] * 5


def test_folds_too_small_for_trees_have_a_prior_all_the_same():
    facts, _, contrast = learnable(units=60, samples=10, noise=3.0)
    found = expected.predict_prior(facts, contrast, np.ones(10), kind="boosted", seed=0)
    assert np.ptp(found, axis=0).min() > 0.1


def test_an_isotonic_prior_has_the_order_of_pixels():
    """In float32 too, in which scores are kept, but for units that are almost alike."""
    facts, _, contrast = learnable(units=128, samples=16, noise=3.0)
    found = expected.predict_prior(facts, contrast, np.ones(16), kind="isotonic", seed=0)
    order = np.argsort(facts.values[..., 0], axis=0)
    sorted_prior = np.take_along_axis(found, order, axis=0)
    assert (np.diff(sorted_prior, axis=0) > 0).all()
    assert (np.diff(sorted_prior.astype(np.float32), axis=0) > 0).mean() > 0.95


def test_one_sample_has_no_other_to_learn_from():
    facts, _, contrast = learnable(units=60, samples=1)
    found = expected.predict_prior(facts, contrast, np.ones(1), kind="linear", seed=0)
    assert (found == 0).all()


@pytest.mark.parametrize("kind", expected.KINDS)
def test_a_sample_learns_nothing_from_itself(kind):
    """What is expected for the samples of a fold stays when their contrasts change."""
    facts, _, contrast = learnable(units=60, samples=10)
    before = expected.predict_prior(facts, contrast, np.ones(10), kind=kind, seed=0)
    for sample in (0, 7):
        altered = contrast.copy()
        altered[:, sample] = np.nan
        after = expected.predict_prior(facts, altered, np.ones(10), kind=kind, seed=0)
        assert (after[:, sample] == before[:, sample]).all()


def test_what_is_expected_grows_with_the_strength_of_a_sample():
    facts, _, contrast = learnable(units=60, samples=10)
    scale = np.linspace(1, 3, 10)
    plain = expected.predict_prior(facts, contrast, np.ones(10), kind="linear", seed=0)
    grown = expected.predict_prior(facts, contrast * scale, scale, kind="linear", seed=0)
    assert np.allclose(grown, plain * scale)


def test_unknown_contrasts_are_passed_over():
    facts, _, contrast = learnable(units=60, samples=10)
    contrast[::3] = np.nan
    prior = expected.predict_prior(facts, contrast, np.ones(10), kind="isotonic", seed=0)
    found = expected.combine(prior, contrast, np.ones(contrast.shape), np.ones(10))
    assert np.isfinite(found.mean).all()
    assert (found.mean[::3] == prior[::3]).all()


def test_own_contrasts_help_and_intervals_hold_the_truth():
    facts, true, contrast = learnable(units=400, noise=0.5)
    prior = expected.predict_prior(facts, contrast, np.ones(20), kind="isotonic", seed=0)
    found = expected.combine(prior, contrast, np.full(contrast.shape, 0.25), np.ones(20))
    error = [np.square(each - true).mean() for each in (contrast, prior, found.mean)]
    assert error[2] < error[0]
    assert error[2] < error[1]
    assert 0.92 < (abs(found.mean - true) <= 1.96 * found.spread).mean() < 0.98


def test_noise_without_influence_is_shrunk_away():
    rng = np.random.default_rng(0)
    contrast = rng.normal(size=(200, 20))
    found = expected.combine(np.zeros((200, 20)), contrast, np.ones((200, 20)), np.ones(20))
    assert np.square(found.mean).mean() < 0.02


def test_weighing_by_hand():
    """Issue 14.28: contrasts of +-sqrt(2) with noise 1 leave a true variance of 1, half of what is seen."""
    contrast = np.array([[np.sqrt(2), -np.sqrt(2)]] * 4)
    found = expected.combine(np.zeros((4, 2)), contrast, np.ones((4, 2)), np.ones(2))
    assert np.allclose(found.mean, contrast / 2)
    assert np.allclose(found.spread, np.sqrt(0.5))
    contrast[0] = np.nan  # unknown: what is expected is the prior, as uncertain as it is
    found = expected.combine(np.zeros((4, 2)), contrast, np.ones((4, 2)), np.ones(2))
    assert found.mean[0].tolist() == [0, 0]
    assert np.allclose(found.spread[0], 1)


def test_what_is_expected_is_in_units_of_the_strength_of_a_sample():
    """A law: samples that members pull more strongly have all that is expected larger by as much."""
    facts, _, contrast = learnable(units=60, samples=10)
    scale, noise = np.linspace(1, 3, 10), np.full(contrast.shape, 0.25)
    prior = facts.values[..., 0].astype(float)
    plain = expected.combine(prior, contrast, noise, np.ones(10))
    grown = expected.combine(prior * scale, contrast * scale, noise * scale**2, scale)
    for one, other in zip(grown, plain, strict=True):
        assert np.allclose(one, other * scale)


def test_no_interval_has_the_width_zero():
    """Where contrasts vary less than their noise by chance, influences are still not known for certain."""
    rng = np.random.default_rng(1)
    contrast = 0.9 * rng.normal(size=(200, 20))
    found = expected.combine(
        rng.normal(size=(200, 20)) * 1e-3, contrast, np.ones((200, 20)), np.ones(20)
    )
    assert (found.spread > 0).all()
    assert found.spread.max() < 0.5


def test_the_pairs_of_a_unit_count_as_one():
    """Twice the same samples: the estimate of the variance is no better known, and so it stays."""
    rng = np.random.default_rng(0)
    contrast = rng.normal(size=(30, 4))
    once = expected.combine(np.zeros((30, 4)), contrast, np.ones((30, 4)), np.ones(4))
    twice = expected.combine(np.zeros((30, 8)), np.tile(contrast, 2), np.ones((30, 8)), np.ones(8))
    assert np.allclose(twice.mean, np.tile(once.mean, 2))
    assert np.allclose(twice.spread, np.tile(once.spread, 2))


def test_facts_of_a_pair_by_hand():
    """Issue 14.28: the label counts among the ten nearest; a gradient's score is in units of its spread."""
    near = -np.arange(12.0)[:, None]  # unit 0 is nearest to the one sample, unit 11 farthest
    labels = np.array([0] * 3 + [1] * 7 + [0] * 2)
    trak = np.where(np.arange(12) < 6, 3.0, 1.0)[:, None]
    methods = {"pixels": near, "features": near, "trak.full": trak, "random": near}
    facts = expected.gather_facts(methods, labels=labels, sensitivity=np.array([2.5]))
    fact = {name: facts.values[:, 0, place] for place, name in enumerate(facts.names)}
    assert facts.names[0] == "pixels closeness"
    assert fact["label"] == pytest.approx(np.where(labels == 0, 0.3, 0.7))
    assert fact["trak.full"] == pytest.approx(trak[:, 0])  # whose spread is 1
    assert fact["sensitivity"].tolist() == [2.5] * 12
    assert "random" not in fact
    rising = dict(zip(facts.names, facts.rising.tolist(), strict=True))
    assert (rising["label"], rising["sensitivity"], rising["trak.full"]) == (1, 0, 1)
    assert fact["pixels closeness"] == pytest.approx(-np.arange(12) / 9)


def test_scores_that_are_graded_were_made_without_the_members_that_grade(tmp_path, monkeypatch):
    """Issue 14.28: /0 is what the members of fold 1 say, for the members of fold 0 to grade."""
    monkeypatch.setattr(expected, "KINDS", ("isotonic",))
    rng = np.random.default_rng(0)
    code = np.stack([rng.permutation(10) < 5 for _ in range(12)])
    pull = rng.normal(size=(6, 12, 10)).astype(np.float32)
    images = data.ImageSet(
        rng.integers(0, 256, (12, 4, 4, 1), dtype=np.uint8), np.arange(12) % 2, np.array(["a", "b"]),
        np.array([f"x/{i}" for i in range(12)]),
    )  # fmt: skip
    at = {
        name: tmp_path / name for name in ("pulls", "code", "data", "samples", "rivals", "scores")
    }
    files.write_tensors(at["pulls"], {"pulls": pull})
    names = np.array([f"u{u:02d}" for u in range(12)])
    files.write_arrays(at["code"], {"code": code, "unit_of": np.arange(12), "unit_names": names})
    data.write_images(at["data"], images)
    drawn = rng.normal(size=(5, 6, 1, 4, 4)).astype(np.float32)
    files.write_tensors(
        at["samples"], {"factual": drawn[0], "null": drawn[1:3], "members": drawn[3:]}
    )
    near = -rng.random((12, 6)).astype(np.float32)
    rivals = {"pixels": near, "features": near, "random": near, "damping": np.zeros(1, np.float32)}
    rivals |= {"patches": np.stack([-near, near]), "patches_level": np.array([100, 300])}
    rivals |= {"patches_width": np.array([3, 5])}
    files.write_tensors(at["rivals"], rivals)
    tables = {name: tmp_path / f"{name}.parquet" for name in ("expected", "calibration")}
    expect_influence(**at, **tables, choices=tmp_path / "choices.json", seed=3)
    made = files.read_tensors(at["scores"])
    patches = files.read_facts(tmp_path / "choices.json")["patches"]
    best = [(100, 3), (300, 5)].index((patches["level"], patches["width"]))
    assert np.array_equal(made["patches"], rivals["patches"][best])
    folds = gains.member_folds(10, seed=3)
    assert np.array_equal(made["member_folds"], folds)
    for name, members in (("", folds >= 0), ("/0", folds == 1), ("/1", folds == 0)):
        own, _ = expected.of_members(pull, code, members)
        assert np.allclose(made[f"contrast{name}"], np.nan_to_num(own), atol=1e-5)
    for fold in (0, 1):  # what grades is changed, and what is graded stays
        other = pull.copy()
        other[..., folds == fold] += rng.normal(size=(6, 12, int((folds == fold).sum())))
        files.write_tensors(at["pulls"], {"pulls": other})
        expect_influence(**at, **tables, choices=tmp_path / "choices.json", seed=3)
        again = files.read_tensors(at["scores"])
        for name in ("contrast", "calibrated", "calibrated.isotonic"):
            assert np.array_equal(again[f"{name}/{fold}"], made[f"{name}/{fold}"])
            assert not np.array_equal(again[f"{name}/{1 - fold}"], made[f"{name}/{1 - fold}"])


def test_the_error_of_a_bin_is_that_of_units():
    """Residuals of two units -1, -1 and 1, 1: sums -2 and 2, so sqrt(2/1 * 8) / 4 = 1; by pairs 1/2."""
    found = np.array([[1.0, 1.0], [3.0, 3.0]])
    ((_, _, mean, error, pairs),) = expected.compare(np.zeros((2, 2)), found, bins=1)
    assert (mean, error, pairs) == (2, 1, 4)


def test_samples_that_repeat_others_do_not_shrink_the_error():
    found = np.random.default_rng(0).normal(size=(2, 6, 5))
    once = expected.compare(np.zeros((2, 6, 5)), found, bins=1)[0]
    twice = expected.compare(np.zeros((2, 6, 10)), np.concatenate([found, found], axis=2), bins=1)[
        0
    ]
    assert once[3] == pytest.approx(twice[3])


def test_a_bin_of_one_unit_has_no_error_and_unknown_pairs_do_not_count():
    found = np.array([[1.0, 2.0], [np.nan, np.nan]])
    ((_, _, mean, error, pairs),) = expected.compare(np.zeros((2, 2)), found, bins=1)
    assert (mean, pairs) == (1.5, 2)
    assert np.isnan(error)
