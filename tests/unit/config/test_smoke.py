"""A run at its smallest: small in every direction, and otherwise the configured one."""

import pytest
from encoded_ensembles.codes.families import Family, capacity
from encoded_ensembles.config.check import check_config
from encoded_ensembles.config.smoke import smallest


@pytest.fixture
def configured(schema):
    return lambda given=None: check_config(given or {}, schema)


def test_numbers_of_a_smoke_run(configured):
    config = configured(
        {
            "run": "mine",
            "code": {"members": 30, "family": "min-distance", "distance": 8, "weight": 15},
        }
    )
    small = smallest(config)
    assert small["run"] == "mine-smoke"
    assert [small["dataset"][key] for key in ("images", "heldout", "spare")] == [8, 8, 8]
    assert [small["training"][key] for key in ("epochs", "steps_per_epoch")] == [2, 1]
    assert [small["sampling"][key] for key in ("samples", "steps")] == [2, 2]
    assert small["figures"] == {"samples": [0, 1], "top": 2}
    code = small["code"]
    words = capacity(Family(code["family"], code["members"], code["weight"], code["distance"]))
    assert words >= small["dataset"]["images"] + code["null_words"]
    assert code["members"] - code["weight"] in small["frechet"]["kept"]


def test_what_a_smoke_run_is_to_show_stays(configured):
    given = {
        "model": {"widths": [8, 16], "attention": True},
        "training": {"precision": "bfloat16", "flip": True, "seed": 4},
        "sampling": {"scheduler": "ddim", "precision": "bfloat16"},
        "rivals": {"gradients": True},
    }
    config = configured(given)
    small = smallest(config)
    assert small["model"] == config["model"]
    for part, keys in given.items():
        assert {key: small[part][key] for key in keys} == {key: config[part][key] for key in keys}
    assert config["dataset"]["images"] == 128  # and what it was made from is left alone


def test_labels_units_controls_and_features(configured):
    small = smallest(configured({"units": {"by": "label"}, "frechet": {"extractor": "inception"}}))
    assert [small["dataset"][key] for key in ("images", "labels", "per_label")] == [None, 4, 2]
    assert small["frechet"]["extractor"] == "inception"
    assert small["retrain"]["units"] == small["heldout"]["models"] == 0
    many = {"retrain": {"units": 5, "named": ["x"], "fresh": 2}, "heldout": {"models": 9}}
    small = smallest(configured(many))
    assert (small["retrain"]["units"], small["retrain"]["named"], small["retrain"]["fresh"]) == (
        1,
        [],
        0,
    )
    assert small["heldout"]["models"] == 2
    assert small["frechet"]["extractor"] == "pixels"  # eight images have too few labels


def test_words_are_not_units_of_eight_images(configured):
    dataset = {"name": "folder", "path": "p", "size": 8, "captions": True}
    small = smallest(configured({"dataset": dataset, "units": {"by": "word", "words": ["cat"]}}))
    assert (small["units"]["by"], small["units"]["words"]) == ("image", [])
    assert small["dataset"]["captions"]


def test_a_smoke_run_trains_its_own_members(configured):
    """Members that were trained elsewhere saw other splits than those of eight images."""
    text = {
        "dataset": {"name": "folder", "path": "p", "size": 8, "captions": True},
        "model": {"base": "a/b"}, "sampling": {"prompts": ["a cat"]},
    }  # fmt: skip
    for given in ({"members": {"given": "g"}}, text | {"members": {"given": "g", "whole": True}}):
        config = configured(given)
        assert config["members"]["given"] == "g"
        assert smallest(config)["members"] == {"given": None, "whole": False}


def test_the_key_smoke_does_it(configured):
    config = {"sampling": {"samples": 9}}
    assert configured(config | {"smoke": True}) == smallest(configured(config))
