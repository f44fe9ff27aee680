"""Contrast by hand and its laws; calibration: uniform where nothing is, small where something is."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from encoded_ensembles.codes import assignment, words
from encoded_ensembles.codes.families import Family
from encoded_ensembles.data import likeness
from encoded_ensembles.ensemble import noise, sampling, trajectory
from encoded_ensembles.influence import calibration, contrast, contrast_tests
from encoded_ensembles.members import network
from scipy import stats

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def members():
    config = network.unet_config(
        shape=(1, 8, 8), widths=[8, 16], layers_per_block=1, attention=False
    )
    return [network.build_unet(config, seed=seed).eval() for seed in range(3)]


@pytest.mark.parametrize("sampler", ["ddpm", "ddim"])
def test_estimates_follow_the_factual_trajectory(members, sampler):
    """At the last level the mean estimate is the factual sample: no noise is left to remove."""
    z = noise.draw_noise(steps=6, samples=3, shape=(1, 8, 8), seed=1)
    options = {"noise": z, "sampler": sampler, "device": CPU}
    steps = list(trajectory.estimates(members, **options))
    assert [level for level, _ in steps] == sampling.make_scheduler(steps=6).timesteps.tolist()
    factual = sampling.sample(members, keep=np.ones((1, 3), bool), **options)[0]
    single = list(trajectory.estimates(members[:1], **options))[-1][1]
    alone = sampling.sample(members[:1], keep=np.ones((1, 1), bool), **options)[0]
    assert np.allclose(single[0], alone, atol=1e-4)
    assert steps[-1][1].shape == (3, *factual.shape)
    assert abs(steps[-1][1]).max() <= 1


def test_pulls_by_hand():
    """Two members at (1, 0) and (-1, 2), mean (0, 1); units at (0, 3), and at (2, 1) and (-2, 1)."""
    estimate = np.array([[[1.0, 0.0]], [[-1.0, 2.0]]])
    images = np.array([[2.0, 1.0], [0.0, 3.0], [-2.0, 1.0]])
    pull = contrast.pulls(estimate, images, np.array([1, 0, 1]))
    # Towards (0, 1): -1 and 1. Towards (1, 0) and (-1, 0): 1 and -1, -1 and 1, on average none.
    assert pull.tolist() == [[[-1.0, 1.0], [0.0, 0.0]]]


def test_pulls_equal_a_loop():
    rng = np.random.default_rng(0)
    estimate, images = rng.normal(size=(5, 3, 7)), rng.normal(size=(9, 7))
    unit_of = np.array([2, 0, 1, 0, 3, 3, 3, 1, 2])
    pull = contrast.pulls(estimate, images, unit_of)
    assert np.allclose(pull.sum(axis=2), 0, atol=1e-5)
    for b, centre in enumerate(estimate.mean(axis=0)):
        for unit in range(4):
            for m in range(5):
                each = [
                    (estimate[m, b] - centre) @ (x - centre) / np.linalg.norm(x - centre)
                    for x in images[unit_of == unit]
                ]
                assert pull[b, unit, m] == pytest.approx(np.mean(each), abs=1e-5)


def test_contrasts_by_hand():
    pull = np.array([[[4.0, 1.0, -2.0, -3.0]]])
    code = np.array([[1, 1, 0, 0]], bool)
    assert contrast.own_contrasts(pull, code).tolist() == [[2.5 + 2.5]]
    null = contrast.null_contrasts(pull, np.array([[1, 0, 0, 1], [1, 1, 0, 0]], bool))
    assert null.tolist() == [[[0.5 + 0.5, 5.0]]]


def test_nearest_units_by_hand():
    images = np.array([0.0, 5.0, 9.0, 4.0]).reshape(4, 1, 1, 1)
    samples = np.array([1.0, 8.0]).reshape(2, 1, 1, 1)
    order = likeness.nearest_units(samples, images, np.array([0, 1, 2, 2]))
    assert order.tolist() == [[0, 2, 1], [2, 1, 0]]


def test_p_and_z_by_hand():
    null = np.array([[[1.0, 2.0, 3.0]]])
    p, z = calibration.p_and_z(np.array([[2.0]]), null)
    assert (p.item(), z.item()) == (0.75, 0.0)
    p, z = calibration.p_and_z(np.array([[4.0]]), null)
    assert (p.item(), z.item()) == (0.25, pytest.approx(2 / np.sqrt(2 / 3)))
    p, z = calibration.p_and_z(np.array([[4.0]]), null[..., :0])
    assert p.item() == 1
    assert np.isnan(z).item()


def test_null_words_treated_as_units_give_uniform_p_values():
    """Pulls of any kind: where the word was settled by chance, 5 % have p <= 0.05."""
    rng = np.random.default_rng(0)
    family = Family("random", 12, 6)
    every = words.unpack(words.unrank(np.arange(924), members=12, weight=6), members=12)
    p = []
    for _ in range(300):
        turn = rng.permutation(924)
        code, free = every[turn[:10]], every[turn[10:]]
        pull = rng.standard_t(2, size=(1, 10, 12))  # heavy tails, members of unequal kinds
        pull[:, :, 0] *= 5
        value = contrast.own_contrasts(pull, code)
        p.extend(calibration.p_and_z(value, contrast.null_contrasts(pull, free))[0].ravel())
        assert len(free) == len(assignment.free_words(code, family=family, limit=1000))
    assert 0.035 <= np.mean(np.array(p) <= 0.05) <= 0.065
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_sets_are_found_where_they_are_and_not_where_they_are_not():
    rng = np.random.default_rng(1)
    every = words.unpack(words.unrank(np.arange(924), members=12, weight=6), members=12)
    turn = rng.permutation(924)
    code, free = every[turn[:40]], every[turn[40:]]
    pull = rng.normal(size=(200, 40, 12))
    null = contrast.null_contrasts(pull, free).transpose(1, 0, 2)
    value = contrast.own_contrasts(pull, code).T
    nothing = calibration.set_p_values(value[:, :10], null[:, :10], draws=199, seed=0)
    assert stats.kstest(nothing, "uniform").pvalue > 0.01
    moved = pull + 0.55 * code
    value = contrast.own_contrasts(moved, code).T
    null = contrast.null_contrasts(moved, free).transpose(1, 0, 2)
    alone, _ = calibration.p_and_z(value, null)
    together = calibration.set_p_values(value[:, :10], null[:, :10], draws=199, seed=0)
    assert (together <= 0.05).mean() > 0.8 > 0.3 > (alone <= 0.05).mean()
    with pytest.raises(ValueError, match="a set has 10 units, but there are 9 null words"):
        calibration.set_p_values(value[:, :10], null[:, :10, :9], draws=9, seed=0)


@pytest.mark.parametrize(("members", "limit", "expected"), [(8, 1000, 60), (8, 7, 7), (40, 50, 50)])
def test_free_words_are_nobodys(members, limit, expected):
    family = Family("random", members, members // 2)
    packed = words.unrank(np.arange(10), members=members, weight=members // 2)
    code = words.unpack(packed, members=members)
    free = assignment.free_words(code, family=family, limit=limit)
    assert free.shape == (expected, members)
    assert (free.sum(axis=1) == members // 2).all()
    assert not np.isin(words.pack(free), packed).any()
    assert len(np.unique(words.pack(free))) == expected
    assert not len(assignment.free_words(code, family=Family("partition", members, 1), limit=9))


def test_levels_up_to_the_highest_count_and_count_alike():
    """Issue 14.28: contrast.levels itself is used; each level's pulls have a root mean square of 1."""
    rng = np.random.default_rng(0)
    images, unit_of = rng.normal(size=(4, 1, 2, 2)), np.array([0, 1, 1, 2])
    each = rng.normal(size=(3, 5, 2, 1, 2, 2))
    steps = list(
        zip(
            [600, 300, 0], each * np.array([1, 1, 50])[:, None, None, None, None, None], strict=True
        )
    )
    found = list(contrast.level_pulls(iter(steps), images, unit_of, highest=300))
    assert [level for level, _ in found] == [300, 0]
    for (_, pull), (_, estimate) in zip(found, steps[1:], strict=True):
        assert pull.shape == (2, 3, 5)
        assert np.sqrt(np.square(pull).mean()) == pytest.approx(1, abs=1e-5)
        plain = contrast.pulls(estimate.reshape(5, 2, 4), images.reshape(4, 4), unit_of)
        assert np.corrcoef(pull.ravel(), plain.ravel())[0, 1] == pytest.approx(1, abs=1e-5)
    level, nothing = next(
        contrast.level_pulls(iter([(0, np.zeros((5, 2, 1, 2, 2)))]), images, unit_of, highest=0)
    )
    assert (level, abs(nothing).max()) == (0, 0)


@pytest.mark.parametrize("bounded", [True, False])
def test_estimates_are_cut_off_where_images_are_bounded(members, bounded):
    """Issue 14.28: at high levels an untrained member's estimate lies far beyond."""
    z = noise.draw_noise(steps=4, samples=2, shape=(1, 8, 8), seed=1)
    space = SimpleNamespace(bounded=bounded)
    level, first = next(
        trajectory.estimates(members, noise=z, sampler="ddpm", device=CPU, space=space)
    )
    signal = sampling.make_scheduler(steps=4).alphas_cumprod[level].item()
    for member, found in zip(members, first, strict=True):
        with torch.inference_mode():
            predicted = member(torch.from_numpy(z[0]), torch.tensor(level)).sample.numpy()
        plain = (z[0] - np.sqrt(1 - signal) * predicted) / np.sqrt(signal)
        assert np.abs(plain).max() > 5
        expected = np.clip(plain, -1, 1) if bounded else plain
        assert np.allclose(found, expected, atol=2e-3, rtol=1e-3)


def test_the_null_of_a_set_leaves_out_the_words_that_stand_for_its_units():
    """Issue 14.28: else each null word would be compared with itself."""
    every = words.unpack(words.unrank(np.arange(6), members=4, weight=2), members=4)
    code, free = every[:1], every[[1, 2]]
    pull = np.zeros((1, 1, 4))
    pull[0, 0] = 2 * free[0] - free[1] + 0.0  # the first word has the larger contrast
    value = contrast.own_contrasts(pull, code)
    table = contrast_tests.test_sets(pull, value, free, np.zeros((1, 1), np.int64))
    assert table["units"].tolist() == [1]
    assert table["p_null"].tolist() == [1 / (contrast_tests.DRAWS + 1)]
    table = contrast_tests.test_sets(-pull, value, free, np.zeros((1, 1), np.int64))
    assert table["p_null"].tolist() == [1]
