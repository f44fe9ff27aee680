"""Bytes of the arrays that a job has in memory at once."""

from pathlib import Path

import pytest
from encoded_ensembles.config.check import check_config
from encoded_ensembles.runs import array_terms, arrays_held, peaks
from encoded_ensembles.runs.size import size_of


def test_a_peak_by_hand(schema):
    """Issue 14.10: counterfactuals that are compared at once, of 20 images of 8x8."""
    config = check_config(
        {"dataset": {"images": 20}, "code": {"null_words": 8}, "landscape": {"blocks": 1}}, schema
    )
    size, network = size_of(config, Path("nowhere"))
    more = check_config(
        {"dataset": {"images": 20}, "code": {"null_words": 108}, "landscape": {"blocks": 1}}, schema
    )
    found, larger = (
        peaks.peaks(each, size, network)["measure_influence"] for each in (config, more)
    )
    picture = 16 * 64 * 4  # all samples once
    distances = 20 * 16 * 100 * 2.5 * 8  # of all masks from the units' images
    assert larger - found == pytest.approx(100 * picture + 2 * 100 * 64 * 8 + distances)


def test_images_that_observers_hold_by_hand(schema):
    """Issue 16.4: 20 images of 8x8 read, copied, and as members see them; nearest units need most."""
    config = check_config(
        {"dataset": {"images": 20}, "code": {"null_words": 8}, "contrast": {"decoys": 0}}, schema
    )
    size, _ = size_of(config, Path("nowhere"))
    found = arrays_held._watched(config, size, 16, 0)
    images = 20 * (64 + 4 * 150) + 20 * 64
    decoys = 2 * array_terms.count_decoys(config, size)
    seen = (20 + decoys) * 64 * 4
    n = config["code"]["members"]
    kept = array_terms.evidence(config, size, 16, 0)
    level = max(3 * 8 * 20 * 64 + 4 * 16 * 20 * n, 2 * 8 * 16 * 20 * n, kept)
    model = 4 * 8 * 20 * 20 * n
    nearest = 3 * 8 * 20 * 64 + 3 * 8 * 20 * 16
    assert found == images + seen + max(nearest, kept + level + model)
    again = arrays_held._watched(config, size, 16, 0, single=True)
    moved = 4 * 16 * 20 * n
    assert 0 <= again - found <= 2 * moved


def test_noise_in_memory_does_not_grow_with_steps(schema):
    """Issue 16.4: a step's noise is read when the step is taken."""
    few, many = (
        check_config({"sampling": {"steps": steps}, "frechet": {"samples": 512}}, schema)
        for steps in (50, 1000)
    )
    size, network = size_of(few, Path("nowhere"))
    for rule in ("sample_ensemble", "sample_frechet", "ablate_block"):
        assert peaks.peaks(few, size, network)[rule] == peaks.peaks(many, size, network)[rule]
