"""Bytes of the arrays that a job has in memory at once."""

from pathlib import Path

import pytest
from encoded_ensembles.config.check import check_config
from encoded_ensembles.runs import array_terms, arrays_held, peaks
from encoded_ensembles.runs.size import Size, count_queries, size_of


def test_a_peak_by_hand(schema):
    """Issue 14.10: one sample of 64 values under 100 more null words: as read, beside those of units, in double precision."""
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
    distances = 20 * 16 * 100 * 2.5 * 8  # of all masks from the units' images
    assert larger - found == pytest.approx(100 * 64 * (2 * 4 + 2 * 8) + distances)


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


def test_distances_of_a_block_are_bounded(schema):
    """16 samples of 5,000 units from 50,000 images would be 32 GB of distances; 20 million are in memory at once."""
    config = check_config(
        {
            "dataset": {"name": "cifar10"},
            "landscape": {"blocks": 10},
            "frechet": {"extractor": "pixels"},
        },
        schema,
    )
    size = Size(images=50_000, units=50_000, shape=(3, 32, 32), seen=(3, 32, 32), weights=0)
    images = 50_000 * (3072 + 4 * 150) + 50_000 * 3072  # with names and digests, and sorted
    blocks = 2 * 5000 * 16 * 3072 * 4  # one is read while the last one is in memory
    compared = 20_000_000 * (2 * 8 + 2 * (4 + 8) + 2 * 8)  # images, pictures, distances
    expected = images + blocks + compared + array_terms.features(config, size, 50_000)
    assert arrays_held.measured(config, size)["check_attribution"] == expected


def test_noise_of_all_steps_is_in_memory_only_while_screening(schema):
    """4 of 16 samples of 64 values, for 100 more steps, twice: as a list of steps, and stacked."""
    few, many = (
        check_config(
            {"sampling": {"steps": steps}, "landscape": {"mode": "screened", "blocks": 4}}, schema
        )
        for steps in (50, 150)
    )
    size, network = size_of(few, Path("nowhere"))
    found, larger = (
        arrays_held.sampled(each, size, network)["screen_block"] for each in (few, many)
    )
    assert larger - found == 2 * 100 * 4 * 64 * 4


def test_all_draws_of_given_pictures_are_in_memory_at_once(schema):
    """Members evaluate all six draws of 40 pictures in one batch."""
    config = check_config({"queries": {"training": 20, "heldout": 20}}, schema)
    size, network = size_of(config, Path("nowhere"))
    one, two = (
        arrays_held.sampled(config, size, network._replace(held=held))["follow_queries"]
        for held in (1, 2)
    )
    assert two - one == pytest.approx(1.2 * 4 * 6 * 40)


def test_pictures_of_a_folder_count_as_given_pictures(schema, tmp_path):
    """30 pictures beside 40: six draws of each in one batch, and the tables of measure_queries where they are read."""
    for number in range(30):
        (tmp_path / f"{number}.png").touch()
    (tmp_path / "notes.txt").touch()
    keys = {"training": 20, "heldout": 20}
    none, some = (
        check_config({"queries": keys | {"folder": folder}}, schema)
        for folder in (None, str(tmp_path))
    )
    size, network = size_of(none, Path("nowhere"))
    assert [count_queries(each, size.units) for each in (none, some)] == [40, 70]
    assert count_queries(check_config({"queries": keys | {"folder": "gone"}}, schema), 128) == 40
    one, two = (
        arrays_held.sampled(some, size, network._replace(held=held))["follow_queries"]
        for held in (1, 2)
    )
    assert two - one == pytest.approx(1.2 * 4 * 6 * 70)
    before, after = (peaks.peaks(each, size, network) for each in (none, some))
    rows, values = 30 * size.units, 64
    added = {rule: after[rule] - before[rule] for rule in after}
    assert added["choose_queries"] == pytest.approx(4 * 30 * values)
    assert added["plot_evidence"] == pytest.approx(rows * 2 * 2 * 8)
    assert added["make_gallery"] == pytest.approx(rows * 2 * 8 * 6 + 30 * values)
    assert added["measure_queries"] > 30 * size.units * some["code"]["members"] * 4


def test_noise_in_memory_does_not_grow_with_steps(schema):
    """Issue 16.4: a step's noise is read when the step is taken."""
    few, many = (
        check_config({"sampling": {"steps": steps}, "frechet": {"samples": 512}}, schema)
        for steps in (50, 1000)
    )
    size, network = size_of(few, Path("nowhere"))
    for rule in ("sample_ensemble", "sample_frechet", "ablate_block"):
        assert peaks.peaks(few, size, network)[rule] == peaks.peaks(many, size, network)[rule]


def test_all_samples_under_all_null_words_are_never_in_memory(schema):
    """100 samples of 256x256 in colour under 400 words are 31 GB; of more words only those of one sample count."""
    few, many = (
        check_config(
            {
                "dataset": {"images": 100},
                "sampling": {"samples": 100},
                "code": {"members": 14, "null_words": null},
            },
            schema,
        )
        for null in (300, 400)
    )
    size = Size(images=100, units=100, shape=(3, 256, 256), seen=(3, 256, 256), weights=1)
    network = size_of(few, Path("nowhere"))[1]
    found, larger = (peaks.peaks(each, size, network) for each in (few, many))
    one = 100 * 256 * 256 * 3 * (2 * 4 + 2 * 8)  # of one sample under 100 more words
    assert larger["sample_ensemble"] == found["sample_ensemble"]
    for rule in ("measure_influence", "measure_screened", "check_null"):
        assert larger[rule] - found[rule] < 1.05 * one, rule
        assert larger[rule] < 20e9, rule


def test_measuring_influence_reads_a_unit_at_a_time(schema):
    one, many = (check_config({"landscape": {"blocks": blocks}}, schema) for blocks in (1, 20))
    size, _ = size_of(one, Path("nowhere"))
    found, other = (arrays_held.measured(each, size)["measure_influence"] for each in (one, many))
    assert found == other
