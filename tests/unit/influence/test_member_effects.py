"""Member effects from a landscape: recovered where they add up, and blind to the unit's own row."""

import numpy as np
import pytest
from encoded_ensembles.codes import encode
from encoded_ensembles.codes.families import Family
from encoded_ensembles.data.images import to_signed
from encoded_ensembles.influence.landscape_naming import name_units
from encoded_ensembles.influence.member_effects import fit_members, landscape_pulls
from encoded_ensembles.storage.files import InputError

FAMILY = Family("random", 10, 5)


def code_of(units, seed=0):
    return encode.encode(
        [f"u{unit:03d}" for unit in range(units)], FAMILY, null_words=0, seed=seed
    )[0]


def test_effects_that_add_up_are_recovered_up_to_a_constant():
    rng = np.random.default_rng(0)
    words, effects = code_of(60), rng.normal(size=(10, 7))
    factual = rng.normal(size=7)
    fit = fit_members(factual - words @ effects, words)
    assert np.allclose(fit.effects, effects - effects.mean(axis=0), atol=1e-8)
    assert fit.explained == pytest.approx(1)
    assert np.allclose(fit.residuals, 0, atol=1e-8)


def test_a_landscape_that_does_not_move_explains_nothing():
    fit = fit_members(np.ones((20, 3)), code_of(20))
    assert (fit.explained, abs(fit.effects).max()) == (0, 0)


def test_the_unit_s_own_row_is_left_out_as_by_fitting_again():
    rng = np.random.default_rng(1)
    words, images = code_of(40), rng.normal(size=(40, 6))
    moved, factual = rng.normal(size=(40, 6)), rng.normal(size=6)
    fit = fit_members(moved, words)
    pull = landscape_pulls(fit, factual, images, np.arange(40))
    assert np.allclose(pull.sum(axis=1), 0)
    assert np.sqrt(np.square(pull).mean()) == pytest.approx(1)
    for unit in (3, 17):
        rest = np.arange(40) != unit
        again = fit_members(moved[rest], words[rest])
        towards = images[unit] - factual
        alone = again.effects @ (towards / np.linalg.norm(towards))
        alone -= alone.mean()
        assert np.corrcoef(alone, pull[unit])[0, 1] == pytest.approx(1, abs=1e-9)
        other = moved.copy()
        other[unit] += 100
        same = landscape_pulls(fit_members(other, words), factual, images, np.arange(40))[unit]
        assert np.corrcoef(same, pull[unit])[0, 1] == pytest.approx(1, abs=1e-9)


def test_a_row_that_cannot_be_left_out_is_refused():
    """Each row of a code of no more units than members, and a row that alone drops a member."""
    rng = np.random.default_rng(3)
    for units in (1, 6, 10):
        words = code_of(40)[:units]
        with pytest.raises(
            InputError, match=rf"{units} code words of 10 members .* {units} of .* row 1\)"
        ):
            fit_members(rng.normal(size=(units, 4)), words)
    words = np.zeros((41, 11), bool)
    words[:40, :10], words[40, [1, 2, 3, 4, 10]] = code_of(40), True
    with pytest.raises(InputError, match=r"the words of 1 of these units \(the first in row 41\)"):
        fit_members(rng.normal(size=(41, 4)), words)


def test_a_unit_that_its_members_carry_is_named():
    """The members that saw unit b move sample b towards its image; the others are noise."""
    rng = np.random.default_rng(2)
    words, pixels = code_of(60), rng.integers(0, 256, (60, 4, 4, 1), dtype=np.uint8)
    images = to_signed(pixels)
    factual = images[:2] + 0.5 * rng.normal(size=(2, 1, 4, 4))
    moved = np.empty((60, 2, 1, 4, 4), np.float32)
    for sample in range(2):
        effects = 0.05 * rng.normal(size=(10, 16))
        effects[words[sample]] += 0.1 * (images[sample] - factual[sample]).ravel()
        moved[:, sample] = factual[sample] - (words @ effects).reshape(-1, 1, 4, 4)
    code = {"code": words, "unit_of": np.arange(60), "unit_names": np.array([f"u{u}" for u in range(60)]),
            "family": np.array("random"), "distance": np.array(2)}  # fmt: skip
    contrast, answers = name_units(moved, factual.astype(np.float32), pixels, code, level=0.05)
    assert answers["answer"].tolist() == ["units", "units"]
    first = contrast[contrast["contrast_rank"] == 1]
    assert first["unit"].tolist() == [0, 1]
    assert first["attributed"].all()
    assert answers["explained"].tolist() == pytest.approx([1, 1], abs=1e-3)
