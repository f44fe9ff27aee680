"""Bytes of the arrays that a job has in memory at once."""

from pathlib import Path

import pytest
from encoded_ensembles.config.check import check_config
from encoded_ensembles.runs import arrays_held, peaks
from encoded_ensembles.runs.size import Size, size_of


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


def test_terms_by_hand():
    """All six words of four members, 8 bytes for each member's bit; and what is free of them."""
    config = {"code": {"family": "random", "members": 4, "weight": 2}}
    size = Size(images=20, units=4, shape=(1, 8, 8), seen=(1, 8, 8), weights=0)
    assert arrays_held.words(config) == 4 * 8 * 6
    assert [arrays_held.free_words(config, size, limit) for limit in (1, 9)] == [1, 2]
    shared = {"code": config["code"] | {"family": "partition"}}
    assert (arrays_held.words(shared), arrays_held.free_words(shared, size, 9)) == (0, 0)
    assert arrays_held.read(config, size) == 20 * (64 + 4 * 150)
    assert arrays_held.table(10, 3) == 10 * (3 * 8 * 3 + 3 * 150)
