"""Directional by hand and its laws; the type-I error of every statistic of the landscape."""

import numpy as np
import pytest
from encoded_ensembles.codes import words
from encoded_ensembles.data import likeness
from encoded_ensembles.data.images import to_bytes, to_signed
from encoded_ensembles.influence import ablation, calibration, directional
from scipy import stats

EVERY = words.unpack(words.unrank(np.arange(70), members=8, weight=4), members=8)


def landscape(rng, units, null, samples=1, size=16):
    """Words of units and of null code words, counterfactuals of both, images; nothing is there.

    What dropping members does is neither linear nor of light tails, and each mask has noise of its own.
    """
    given = EVERY[rng.permutation(70)[: units + null]]
    effect = rng.standard_t(3, size=(8, samples, size))
    points = np.tanh(np.tensordot(given, effect, 1) / 3) + rng.normal(
        0, 0.3, (len(given), samples, size)
    )
    unit_of = np.arange(2 * units) % units
    images = to_bytes(rng.normal(0, 0.5, (2 * units, 1, 1, size)))
    return given[:units], given[units:], points[:units], points[units:], images, unit_of  # fmt: skip


def flat(images):
    return to_signed(images).reshape(len(images), -1)


def measure(code, null_words, moved, null, images, unit_of, unit_held):
    own = np.stack(
        [
            likeness.nearest_distances(each, flat(images[unit_of == unit]))[:, 0]
            for unit, each in enumerate(moved)
        ]
    )
    return directional.directional(
        null, moved[unit_held], unit_held=unit_held, own=own, images=images,
        unit_of=unit_of, code=code, null_words=null_words,
    )  # fmt: skip


def by_loop(unit, given, code, null_words, moved, null, images, unit_of, unit_held):
    """The statistic of one unit for the first sample, as if `given` were its word."""
    masks = [*zip(null_words, null, strict=True)]
    masks += [(code[u], moved[u]) for u in {*unit_held.tolist(), unit}]
    h = [int((word & given).sum()) for word, _ in masks]
    d = [min(np.linalg.norm(x[0] - i) for i in flat(images[unit_of == unit])) for _, x in masks]
    return stats.linregress(h, d).slope * (given.sum() - np.mean(h))


@pytest.mark.parametrize("unit_held", [np.arange(5), np.array([0, 3]), np.arange(0)])
def test_directional_equals_a_loop(unit_held, monkeypatch):
    drawn = landscape(np.random.default_rng(0), 5, 12, samples=2)
    value, p, z = measure(*drawn, unit_held)
    code, null_words, *rest = drawn
    for unit in range(5):
        own = by_loop(unit, code[unit], code, null_words, *rest, unit_held)
        null = [by_loop(unit, w, code, null_words, *rest, unit_held) for w in null_words]
        assert value[unit, 0] == pytest.approx(own)
        assert p[unit, 0] == pytest.approx((1 + sum(np.array(null) >= own)) / 13)
        assert z[unit, 0] == pytest.approx((own - np.mean(null)) / np.std(null))
    monkeypatch.setattr(directional, "HELD", 1)  # a unit, and a word, at a time
    assert all(np.allclose(a, b) for a, b in zip(measure(*drawn, unit_held), (value, p, z), strict=True))  # fmt: skip


@pytest.mark.parametrize("values", [1, 3 * 16, 5 * 16, 2**25])
def test_images_are_compared_a_few_at_a_time(monkeypatch, values):
    """Issue 16.4: units of 1, 4, 2 and 3 images, some of which are divided."""
    rng = np.random.default_rng(0)
    held = rng.normal(size=(6, 2, 16))
    images = to_bytes(rng.normal(0, 0.5, (10, 1, 4, 4)))
    rows, starts = rng.permutation(10), np.array([0, 1, 5, 7])
    monkeypatch.setattr(directional, "VALUES", values)
    found = directional._nearest(held[:4], held[4:], images, rows, starts)
    expected = [
        likeness.nearest_distances(held[:, sample], flat(images[rows]), starts)
        for sample in range(2)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    if values == 2**25:
        assert np.array_equal(found, expected)


def test_excess_by_hand():
    """Masks drop 0, 1 and 2 members of the word, at distances 1, 2 and 6: slope 2.5, mean of h 1."""
    dropped = np.array([[0, 0, 1, 1], [1, 0, 1, 0], [1, 1, 0, 0]], bool)
    word = np.array([[1, 1, 0, 0]], bool)
    assert directional.excess(np.array([[1.0, 2, 6]]), dropped, word) == pytest.approx(2.5)
    assert directional.excess_weights(dropped[:1], word).tolist() == [[0.0]]


def test_without_null_words_nothing_is_found():
    code, _, moved, _, images, unit_of = landscape(np.random.default_rng(0), 3, 0)
    value, p, z = measure(code, code[:0], moved, moved[:0], images, unit_of, np.arange(3))
    assert np.isfinite(value).all()
    assert (p == 1).all()
    assert np.isnan(z).all()
    value, p, z = measure(code[:1], code[:0], moved[:1], moved[:0], images[::3], np.zeros(2, int), np.arange(1))  # fmt: skip
    assert (value.item(), p.item(), np.isnan(z).item()) == (0.0, 1.0, True)


def uniform(p, words):
    """Whether p-values, each a multiple of 1/(words + 1), are those of tests that find nothing."""
    p = np.ravel(p)
    jittered = p - np.random.default_rng(0).uniform(0, 1 / (words + 1), len(p))
    assert 0.035 <= np.mean(p <= 0.05 + 1e-9) <= 0.065, np.mean(p <= 0.05 + 1e-9)
    assert stats.kstest(jittered, "uniform").pvalue > 0.01


def test_where_nothing_is_p_values_are_uniform():
    """Five per cent of all tests find something at p <= 0.05, whichever statistic; some units not held."""
    rng = np.random.default_rng(1)
    found = {name: [] for name in ("distance", "ssim", "matched", "directional")}
    for _ in range(600):
        code, null_words, moved, null, images, unit_of = landscape(rng, 4, 39)
        found["directional"].append(
            measure(code, null_words, moved, null, images, unit_of, np.array([0, 2]))[1]
        )
        factual = np.tanh(rng.normal(size=(1, 1, 4, 4)))
        both = np.concatenate([moved, null]).reshape(-1, 1, 1, 4, 4)
        total = both.sum(axis=0)
        for name, statistic in {
            "distance": lambda x, s=factual: ablation.distances(s, x[None])[0],
            "ssim": lambda x, s=factual: 1 - ablation.ssim(s, x),
            "matched": lambda x, t=total: ablation.matched(x, t, masks=43),
        }.items():
            value = np.array([statistic(each) for each in both])
            found[name].append(calibration.p_and_z(value[:4], value[4:].T)[0])
    for p in found.values():
        uniform(p, 39)


def test_a_planted_effect_is_found():
    """Each of its members draws the sample towards the unit's image: without them it lies apart."""
    code, null_words, moved, null, images, _ = landscape(
        np.random.default_rng(2), 4, 39, samples=50
    )
    dropped = np.concatenate([code, null_words]).astype(int) @ code[0]
    shift = -0.5 * dropped[:, None, None] * flat(images[:1])
    moved, null = moved + shift[:4], null + shift[4:]
    _, p, z = measure(code, null_words, moved, null, images[:4], np.arange(4), np.arange(4))
    assert (p[0] <= 0.05).mean() > 0.8
    assert z[0].mean() > 2
