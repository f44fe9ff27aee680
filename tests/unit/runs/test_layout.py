"""The files of a whole run, and what each network is trained on."""

import pytest
from encoded_ensembles.config.check import check_config
from encoded_ensembles.runs import layout


@pytest.mark.parametrize(
    ("network", "split", "seed", "checkpoint"),
    [
        ("members/00", "00", 5, "00"),
        ("members/full", "full", 5, "full"),
        ("retrain/same/3/1", "control.3.1", 5, "same.3.1"),
        ("retrain/fresh/3/1", "control.3.1", 9, "fresh.3.1"),
        ("retrain/fresh/member/02", "02", 9, "fresh.member.02"),
        ("heldout/4.0", "heldout.4", 6, "heldout.4.0"),
        ("heldout/4.2", "heldout.4", 8, "heldout.4.2"),
    ],
)
def test_split_seed_and_checkpoint_of_a_network(network, split, seed, checkpoint):
    """Each repeat of a held-out half has a seed of its own."""
    config = {"training": {"seed": 5}, "retrain": {"seed": 9}}
    assert layout.split_of(network) == split
    assert layout.seed_of(network, config) == seed
    assert layout.checkpoint_of(network) == f"checkpoints/{checkpoint}.safetensors"


def test_networks_that_are_retrained_by_hand(schema):
    """Two controls of two members each, one of them with a fresh seed as well; one half, twice."""
    code = {"members": 4, "weight": 2, "null_words": 0}
    keys = {"dataset": {"images": 6}, "code": code, "heldout": {"models": 1, "repeats": 2}}
    config = check_config(keys | {"retrain": {"units": 2, "fresh": 1, "named": []}}, schema)
    assert layout.retrained(config) == [
        "retrain/same/0/0", "retrain/same/0/1", "retrain/same/1/0", "retrain/same/1/1",
        "retrain/fresh/0/0", "retrain/fresh/0/1",
        "retrain/fresh/member/00", "retrain/fresh/member/01", "retrain/fresh/member/02",
        "retrain/fresh/member/03", "heldout/0.0", "heldout/0.1",
    ]  # fmt: skip


def test_a_whole_run_has_each_file_once_and_each_table_twice(schema):
    config = check_config({"retrain": {"units": 2}}, schema)
    blocks = {"landscape": 3, "frechet": 2}
    files = layout.outputs(config, **blocks, classifier=False)
    assert len(set(files)) == len(files)
    assert set(layout.recorded(config, **blocks)) <= set(files)
    assert [file for file in files if file.startswith("landscape/")] == [
        f"landscape/{number}-of-3.safetensors" for number in (1, 2, 3)
    ]
    tables = [file for file in files if file.endswith(".parquet")]
    assert "retrain/controls.parquet" in tables
    assert {file.replace(".parquet", ".csv") for file in tables} <= set(files)
    more = layout.outputs(config, **blocks, classifier=True)
    assert set(more) - set(files) == set(layout.CLASSIFIER)


def test_captions_are_files_of_a_run_that_has_them(schema):
    dataset = {"name": "folder", "path": "p", "size": 8}
    blocks = {"landscape": 3, "frechet": 2}
    captioned, plain = (
        layout.outputs(
            check_config({"dataset": dataset | {"captions": captions}}, schema),
            **blocks,
            classifier=False,
        )
        for captions in (True, False)
    )
    assert set(captioned) - set(plain) == {"data/captions.parquet", "data/captions.csv"}


@pytest.mark.parametrize(
    ("changes", "used"),
    [
        ({}, False),
        ({"rivals": {"perceptual": True}}, True),
        ({"contrast": {"likeness": "stlpips"}}, True),
        ({"influence": {"distances": ["ssim", "stlpips"]}}, True),
        ({"influence": {"distances": ["stlpips"]}, "landscape": {"mode": "screened"}}, False),
    ],
)
def test_weights_of_a_perceptual_distance_belong_to_runs_that_use_it(schema, changes, used):
    """Records of runs that were made before there was such a distance lack its keys."""
    config = check_config(changes, schema)
    assert layout.perceptual(config) == [layout.PERCEPTUAL] * used
    if not used:
        del config["rivals"]["perceptual"], config["contrast"]["likeness"]
        assert layout.perceptual(config) == []
