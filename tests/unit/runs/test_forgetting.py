"""What a deletion request is answered with: the configuration without units, and what remains of them."""

import copy

import numpy as np
import pandas as pd
import pytest
import yaml
from encoded_ensembles.commands import forget
from encoded_ensembles.config.check import check_config
from encoded_ensembles.data import images as data
from encoded_ensembles.data import units
from encoded_ensembles.runs import forgetting, layout, remains
from encoded_ensembles.runs.remains import Goes
from encoded_ensembles.storage import disk
from encoded_ensembles.storage.files import InputError

NAMES = [f"u{i}" for i in range(6)]
CODE = {
    "code": np.array([[1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0], [0, 1, 0, 1], [0, 0, 1, 1]], bool),
    "unit_names": np.array(NAMES),
    "unit_of": np.arange(6),
}  # fmt: skip


@pytest.fixture
def configured(schema):
    """The configuration of a run of six units that names some of them in every key that can."""
    return check_config(
        {
            "dataset": {"images": 6},
            "code": {"members": 4, "weight": 2, "null_words": 0},
            "landscape": {
                "blocks": 6,
                "sets": {"one": ["u0"], "two": ["u0", "u1"], "other": ["u2"]},
            },
            "retrain": {"units": 4, "fresh": 4, "named": ["u0", "u2"]},
        },
        schema,
    )


def test_no_key_of_the_new_configuration_names_a_forgotten_unit(configured, schema):
    """Issue 14.5: retrain.named kept the unit, and the run failed after its training."""
    before = copy.deepcopy(configured)
    found = forgetting.plan(configured, CODE, ["u0"])
    assert configured == before
    assert found.keep.tolist() == [False, False, True, True]
    new = found.config
    assert new["units"]["exclude"] == ["u0"]
    assert new["landscape"] == before["landscape"] | {
        "blocks": 5,
        "sets": {"two": ["u1"], "other": ["u2"]},
    }
    assert new["retrain"] == before["retrain"] | {"named": ["u2"]}
    assert found.changes == [
        "landscape.sets.one is without 1 of its 1 units, and dropped.",
        "landscape.sets.two is without 1 of its 2 units.",
        "retrain.named is without 1 of its 2 units.",
        "landscape.blocks is 5, the number of units left.",
    ]
    both = forgetting.plan(configured, CODE, ["u0", "u1", "u2"])
    assert both.changes[-4:-1] == [
        "retrain.units is 3 in place of 4.",
        "retrain.fresh is 3 in place of 4.",
        "landscape.blocks is 3, the number of units left.",
    ]
    configured["training"]["steps_per_epoch"] = 3
    assert "training.steps_per_epoch is 2" in forgetting.plan(configured, CODE, ["u0"]).changes[-1]
    empty = forgetting.plan(configured, CODE, ["u0", "u1", "u2"]).changes[-1]
    assert "a member has no image to train on; lower code.members" in empty
    text = yaml.safe_dump({key: value for key, value in both.config.items() if key != "units"})
    assert not any(name in text for name in ("u0", "u1", "u2"))
    for new in (found.config, both.config):
        without = {"dataset": new["dataset"] | {"images": 6}}
        assert check_config(new | without, schema)
    with pytest.raises(InputError, match="all 6 units are named, expected one left"):
        forgetting.plan(configured, CODE, NAMES)


def test_hostile_names_neither_break_the_configuration_nor_the_answer(configured, tmp_path, capsys):
    """Issue 14.5: a file name with a newline broke the header of the configuration."""
    for name in ("new\nline: x", "# a", "a\r\nb", "\u2028", "é\t'\"", "x: [", "\x07\u202e"):
        code = CODE | {"unit_names": np.array([name, *NAMES[1:]])}
        forget._configure(forgetting.plan(configured, code, [name]), tmp_path)
        text = (tmp_path / "config.yaml").read_text()
        assert yaml.safe_load(text)["units"]["exclude"] == [name]
        assert forget.shown(name).isprintable()
    assert all(line.isprintable() for line in capsys.readouterr().out.split("\n"))


def test_the_same_pixels_in_other_units_are_found():
    """Issue 14.5: certify said so, forget did not."""
    images = pd.DataFrame(
        {
            "name": ["a1", "a2", "b1", "b2", "c1"],
            "unit_name": ["a", "a", "b", "b", "c"],
            "pixels_sha256": ["1", "2", "2", "3", "2"],
        }
    )
    assert units.same_pixels(images, ["a"]).to_dict("records") == [
        {"name": "b1", "unit_name": "b"}, {"name": "c1", "unit_name": "c"}
    ]  # fmt: skip
    assert units.same_pixels(images, ["a", "b"])["name"].tolist() == ["c1"]
    assert units.same_pixels(images, ["a", "b", "c"]).empty


def test_images_that_are_set_aside_may_be_of_the_same_units():
    pixels = np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1)
    labels = np.array([0, 1, 1, 0])
    names = np.array(["p/1", "q/2", "q/3", "p/4"])
    images = data.ImageSet(pixels, labels, np.array(["cat", "dog"]), names)
    same = {data.pixel_digests(pixels)[1]}
    find = remains.find_kin
    assert find(images, ["cat"], same, by="image") == ["q/2"]
    assert find(images, ["cat"], same, by="label") == ["p/1", "q/2", "p/4"]
    assert find(images, ["q"], set(), by="folder") == ["q/2", "q/3"]
    assert find(images.take(np.arange(0)), ["q"], set(), by="folder") == []


MADE_AGAIN = [
    "data/training.npz", "code/code.npz", "splits/00.json", "members/00/training.json", "samples/ensemble.safetensors",
    "landscape/1-of-5.safetensors", "influence/influence.parquet", "gallery.html", "figures/code.png",
]  # fmt: skip
LEFT = [
    "landscape/1-of-6.safetensors", "sets/one.safetensors", "retrain/same/5/1/training.json",
    "studies/levels.parquet", "checkpoints/00.safetensors", "checkpoints/same.0.1.safetensors",
    "checkpoints/trained/00/training.json", "ensemble/members/01/config.json", "universe.ctf", "universe.npz",
    "certificates/sample-1.0.png", "forget/old/samples.png", "logs/ablate_set.one.log", "landscape/.x.host.1.tmp",
    "ledger/words-1.npz.damaged", ".ensemble.abc/new/code.npz",
]  # fmt: skip
STAY = ["ledger/words-1.npz", "forget/old/answer.json", "forget/now/samples.png", "run.json", "config.yaml", "mine/notes.txt", "data/mine.csv"]  # fmt: skip
NOTHING = [
    "members/02/training.json", "splits/02.json", "checkpoints/02.safetensors", "checkpoints/trained/02/loss.csv",
    "noise/landscape.safetensors", "data/heldout.npz", "frechet/classifier.json", "benchmarks/a.tsv",
]  # fmt: skip


def test_what_remains_is_found_and_deleted_as_it_says(configured, tmp_path):
    """Issue 14.5: forget lists everything of the unit in the folder of the run, and removes it on request."""
    run = tmp_path / "results/a"
    for name in [*MADE_AGAIN, *LEFT, *STAY, *NOTHING]:
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text("x")
    new = forgetting.plan(configured, CODE, ["u0"]).config
    found = remains.find_remains(
        run,
        saw=["00", "01", "full"],
        again=layout.outputs(new, landscape=5, frechet=1, classifier=True),
        answer=run / "forget/now",
    )
    by_fate = {goes: set() for goes in Goes}
    for each in found:
        assert each.holds
        unknown = each.place in ("mine", "data/mine.csv")
        assert each.holds.startswith("not known") == unknown
        by_fate[each.goes] |= {file.relative_to(run).as_posix() for file in each.files}
    assert by_fate == {Goes.RERUN: {*MADE_AGAIN}, Goes.DELETED: {*LEFT}, Goes.STAYS: {*STAY}}
    assert remains.delete(found) == len(LEFT)
    left = {file.relative_to(run).as_posix() for file in run.rglob("*") if file.is_file()}
    assert left == {*MADE_AGAIN, *STAY, *NOTHING}
    assert not (run / "certificates").exists()
    assert all(any(folder.iterdir()) for folder in run.rglob("*") if folder.is_dir())


def test_every_place_that_a_rule_writes_to_is_known():
    """A new folder of a run needs a word on what it holds of a unit."""
    places = disk.FOLDERS | disk.TOP
    assert places <= remains.HOLDS.keys()
