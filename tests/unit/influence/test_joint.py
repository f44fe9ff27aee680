"""Joint decoding: equal to the model written out, blind to the unit's own word, exact."""

import numpy as np
import pytest
from encoded_ensembles.codes import words
from encoded_ensembles.influence import joint
from encoded_ensembles.influence.joint import Decoder, Evidence, rank_weights, scores

CODE = np.array([[1, 1, 1, 0, 0, 0], [1, 0, 1, 0, 1, 0], [0, 1, 1, 1, 0, 0], [0, 0, 1, 0, 1, 1]], bool)  # fmt: skip


def decoded(estimate, images, code=CODE, **options):
    decoder = Decoder(images, np.arange(len(images)), code, np.arange(len(images))[None], **options)
    for level in estimate:
        decoder.add(level)
    return decoder


def written_out(estimate, images, unit, left_out):
    """Return pull and precision from the covariance of all numbers of all members."""
    centre = estimate[:, 0].mean(axis=0)
    residual = estimate[:, 0] - centre
    residual /= np.sqrt(np.square(residual).mean())
    direction = images - centre
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    centred = CODE - CODE.mean(axis=1, keepdims=True)
    variance = joint.EFFECT * rank_weights(len(images))
    covariance = joint.NOISE * np.eye(residual.size)
    for other in set(range(len(images))) - set(left_out):
        column = np.kron(centred[other], direction[other])
        covariance += variance[other] * np.outer(column, column)
    towards = np.kron(np.eye(len(residual)), direction[unit][:, None])
    solved = np.linalg.solve(covariance, towards)
    return solved.T @ residual.ravel(), towards.T @ solved


def test_each_unit_is_left_out_of_the_model_alone_or_with_its_set():
    rng = np.random.default_rng(0)
    estimate, images = rng.normal(size=(6, 1, 5)), rng.normal(size=(4, 5))
    found = decoded([estimate], images, sets=[np.array([0, 2])])
    for unit in range(4):
        pull, precision = written_out(estimate, images, unit, [unit])
        assert np.allclose(found.alone.pull[0, unit], pull)
        assert np.allclose(found.alone.precision[0, unit], precision)
    for place, unit in enumerate([0, 2]):
        pull, precision = written_out(estimate, images, unit, [0, 2])
        assert np.allclose(found.together[0].pull[0, place], pull)
        assert np.allclose(found.together[0].precision[0, place], precision)


def test_evidence_adds_up_over_levels_and_depends_on_no_other_sample():
    rng = np.random.default_rng(1)
    levels, images = rng.normal(size=(3, 6, 2, 5)), rng.normal(size=(4, 5))
    order = np.array([[2, 0, 1, 3], [0, 1, 3, 2]])
    both = Decoder(images, np.arange(4), CODE, order)
    for level in levels:
        both.add(level)
    for sample in range(2):
        parts = []
        for level in levels:
            one = Decoder(images, np.arange(4), CODE, order[sample : sample + 1])
            one.add(level[:, sample : sample + 1])
            parts.append(one.alone)
        assert np.allclose(both.alone.pull[sample], sum(part.pull[0] for part in parts))
        assert np.allclose(both.alone.precision[sample], sum(part.precision[0] for part in parts))


def test_a_unit_s_own_word_does_not_enter_its_evidence():
    rng = np.random.default_rng(2)
    estimate, images = rng.normal(size=(1, 6, 1, 5)), rng.normal(size=(4, 5))
    found = decoded(estimate, images).alone
    other = CODE.copy()
    other[1] = [0, 0, 0, 1, 1, 1]
    again = decoded(estimate, images, other).alone
    assert np.allclose(found.pull[0, 1], again.pull[0, 1])
    assert np.allclose(found.precision[0, 1], again.precision[0, 1])
    assert not np.allclose(found.pull[0, 0], again.pull[0, 0])


def test_a_score_by_hand():
    """Word 1100, centred (.5, .5, -.5, -.5): 3 / sqrt(2 * 1); the same for words of each unit."""
    evidence = Evidence(np.array([[4.0, 2.0, 0.0, 0.0]]), 2 * np.eye(4)[None])
    word = np.array([[1, 1, 0, 0], [0, 0, 1, 1]], bool)
    assert scores(evidence, word)[0].tolist() == pytest.approx([3 / np.sqrt(2), -3 / np.sqrt(2)])
    assert np.allclose(scores(evidence, word[None]), scores(evidence, word))


def test_units_with_several_images_are_one_direction():
    rng = np.random.default_rng(3)
    estimate, images = rng.normal(size=(6, 1, 5)), rng.normal(size=(5, 5))
    several = Decoder(images, np.array([0, 1, 2, 3, 0]), CODE, np.arange(4)[None])
    several.add(estimate)
    assert not np.allclose(several.alone.pull, decoded([estimate], images[:4]).alone.pull)
    assert several.alone.pull.shape == (1, 4, 6)


def test_p_values_are_uniform_though_other_units_have_effects():
    """Units 0 to 4 pull; the words of units 5 to 9 were drawn by chance and do nothing."""
    rng = np.random.default_rng(4)
    every = words.unpack(words.unrank(np.arange(70), members=8, weight=4), members=8)
    p = []
    for _ in range(120):
        turn = rng.permutation(70)
        code, free = every[turn[:10]], every[turn[10:]]
        images = rng.normal(size=(10, 6))
        estimate = rng.standard_t(3, size=(8, 1, 6))
        estimate[:, 0] += 2 * code[:5].T @ images[:5]
        evidence = decoded([estimate], images, code).alone
        flat = Evidence(*(part[0] for part in evidence))
        own, null = scores(flat, code[:, None])[:, 0], scores(flat, free)
        p.extend((1 + (null >= own[:, None]).sum(axis=1)[5:]) / 61)
    assert 0.03 < np.mean(np.array(p) <= 0.05) < 0.07
