"""The configuration: what one key says against another, and words for values."""

import shlex

import pytest
from encoded_ensembles.config import check
from encoded_ensembles.storage.files import InputError


@pytest.fixture
def checked(schema):
    return lambda given: check.check_config(given, schema)


def refused(checked, given, reason):
    with pytest.raises(InputError, match=reason):
        checked(given)


def test_figures_show_samples_that_there_are(checked):
    """Issue 14.28: samples are numbered from 0."""
    assert checked({"sampling": {"samples": 5}, "figures": {"samples": [4]}})
    refused(
        checked, {"sampling": {"samples": 5}, "figures": {"samples": [0, 5]}},
        r"figures.samples holds 5, expected 0 to 4 \(sampling.samples is 5\)",
    )  # fmt: skip


def test_bounds_between_keys(checked):
    for right, wrong, reason in (
        ({"frechet": {"kept": [14]}}, {"frechet": {"kept": [15]}}, "kept holds 15, expected at most code.members"),
        ({"code": {"weight": 13}, "dataset": {"images": 4}, "units": {"by": "label"}},
         {"code": {"weight": 14}}, "code.weight is 14, expected 1 to 13"),
        ({"retrain": {"units": 2, "fresh": 2}}, {"retrain": {"units": 2, "fresh": 3}}, "retrain.fresh is 3, expected at most"),
        ({"retrain": {"units": 1, "fresh": 1, "seed": 5}}, {"retrain": {"units": 1, "fresh": 1, "seed": 0}}, "expected a number different from training.seed"),
        ({"landscape": {"mode": "screened"}, "code": {"null_words": 20}},
         {"landscape": {"mode": "screened"}, "code": {"null_words": 19}}, "expected at least 20 with landscape.mode screened"),
        ({"units": {"by": "duplicates", "metric": "pixels", "threshold": 1}},
         {"units": {"by": "duplicates", "metric": "pixels", "threshold": 1.5}}, "expected 0 to 1 with units.metric pixels"),
        ({"dataset": {"images": 4, "plant": [{"name": "a", "kind": "mark", "images": 3}]}},
         {"dataset": {"images": 3, "plant": [{"name": "a", "kind": "mark", "images": 3}]}}, "plants 3 images, expected fewer"),
    ):  # fmt: skip
        assert checked(right)
        refused(checked, wrong, reason)


TEXT = {
    "dataset": {"name": "folder", "path": "pictures", "size": 8, "captions": True}, "model": {"base": "a/b"},
}  # fmt: skip
CARRIED = r", expected at most 100000 in all lists"


def prompted(prompts):
    return TEXT | {"sampling": {"prompts": prompts}}


def test_lists_that_fit_on_a_command_line(checked):
    """Bytes count, not letters: 12 for an option `--prompt`, 3 for a Chinese letter, 5 for an apostrophe within quotes."""
    assert checked({"units": {"exclude": [f"{i:04d}" + "д" * 30 for i in range(1100)]}})
    chinese = [f"{i:03d}" + "猫" * 58 for i in range(400)]
    assert checked(prompted(chinese))
    refused(
        checked, prompted([f"{i:03d}" + "猫" * 79 for i in range(400)]),
        f"sampling.prompts lists 400 prompts, which take {400 * (3 + 3 * 79 + 12)} bytes{CARRIED}",
    )  # fmt: skip
    refused(
        checked, prompted([f"{i:03d}" + "'" * 60 for i in range(400)]),
        f"sampling.prompts lists 400 prompts, which take {400 * (3 + 5 * 60 + 12)} bytes{CARRIED}",
    )  # fmt: skip
    refused(
        checked, TEXT | {"units": {"by": "word", "words": [f"w{i:05d}" for i in range(9000)]}},
        f"units.words lists 9000 words, which take {9000 * 16} bytes{CARRIED}",
    )  # fmt: skip


def test_sets_of_units_fit_on_the_command_line_of_check_names(checked):
    """Each unit is passed with the name of its set: 26 sets of 100 units passed, and the job could not start."""
    sets = {
        f"set-{i:02d}-{'x' * 50}": [f"unit {i:02d} {unit:03d}" for unit in range(100)]
        for i in range(26)
    }
    assert checked({"landscape": {"sets": dict(list(sets.items())[:10])}})
    line = [f"{name}={unit}" for name, units in sets.items() for unit in units]
    passed = sum(len(f"--unit-set {shlex.quote(text)} ") for text in line)
    assert passed > 131_072
    refused(
        checked, {"landscape": {"sets": sets}},
        f"landscape.sets lists 2600 units, which with the names of their sets take {passed} bytes{CARRIED}",
    )  # fmt: skip


def test_a_prompt_file_may_begin_with_a_byte_order_mark(checked, tmp_path):
    """Editors of Windows write one; it is no letter of the first prompt."""
    file = tmp_path / "prompts.txt"
    file.write_bytes("\ufeffa cat\r\na dog\r\n".encode())
    assert checked(prompted(str(file)))["sampling"]["prompts"] == ["a cat", "a dog"]


def test_a_prompt_file_that_is_too_long_is_refused(checked, tmp_path):
    file = tmp_path / "prompts.txt"
    file.write_text("\n".join(f"{i:04d} a cat on a mat" for i in range(5000)))
    refused(
        checked, prompted(str(file)), f"lists 5000 prompts, which take {5000 * 31} bytes{CARRIED}"
    )


def test_a_configuration_that_does_not_fit_on_the_line_of_record_run_is_refused(checked):
    """A quotation mark takes two bytes in JSON, and a tab, which is one in an option, too."""
    refused(
        checked, prompted([f"{i:03d}" + '"' * 200 for i in range(400)]),
        r"takes \d+ bytes on the command line of rule record_run, expected at most 120000, .* sampling.prompts, takes "
        f"{400 * 215}",
    )  # fmt: skip


@pytest.mark.parametrize("steps", range(1, 30))
def test_contrast_has_a_step_of_sampling_to_look_at(checked, steps):
    """What is refused at the start is what has no level that low when it is sampled."""
    from encoded_ensembles.ensemble.trajectory import levels

    lowest = min(levels(steps, sampler="dpmsolver++"))
    sampling = {"sampling": {"steps": steps, "scheduler": "dpmsolver++"}}
    assert checked(sampling | {"contrast": {"levels": lowest}})
    if lowest:
        refused(
            checked,
            sampling | {"contrast": {"levels": lowest - 1}},
            f"go down to noise level {lowest} only",
        )
    for sampler in ("ddpm", "ddim"):
        assert min(levels(steps, sampler=sampler)) == 0


def test_members_that_were_trained_elsewhere(checked):
    members = {"members": {"given": "trained"}}
    text = {
        "dataset": {"name": "folder", "path": "p", "size": 8, "captions": True},
        "model": {"base": "b"}, "sampling": {"prompts": ["a"]},
    }  # fmt: skip
    assert checked(members)
    assert checked(members | text)
    assert checked({"members": {"given": "trained", "whole": True}} | text)
    for wrong, reason in (
        ({"members": {"whole": True}}, "members.whole is true and members.given is null"),
        ({"members": {"given": "trained", "whole": True}}, "expected false without sampling.prompts"),
        (members | {"retrain": {"units": 2}}, "retrain.units is 2"),
        (members | {"retrain": {"named": ["a"]}}, "retrain.named is"),
        (members | {"heldout": {"models": 2}}, "heldout.models is 2"),
        (members | {"model": {"base": "b"}}, "model.base is b"),
        (members | {"model": {"classes": True}}, "model.classes is True"),
        (members | {"training": {"members_per_job": 2}}, "members_per_job is above 1"),
    ):  # fmt: skip
        refused(checked, wrong, reason)


def test_captions_and_what_needs_them(checked):
    folder = {"name": "folder", "path": "p", "size": 8}
    captioned = {"dataset": folder | {"captions": True, "default_caption": "a"}}
    words = {"units": {"by": "word", "words": ["cat", "red dog"]}}
    assert checked(captioned | words)
    assert checked({"dataset": {"name": "openmoji", "size": 8, "captions": True}} | words)
    for wrong, reason in (
        ({"dataset": {"captions": True}}, "dataset.name is digits, which has no captions, expected one of folder, openmoji"),
        ({"dataset": folder | {"default_caption": "a"}}, "default_caption is set and dataset.captions is false"),
        ({"dataset": folder} | words, "units.by is word and dataset.captions is false"),
        (captioned | {"units": {"by": "word"}}, "units.by is word and units.words lists 0 words"),
        (captioned | {"units": {"words": ["cat"]}}, "units.by is image and units.words lists 1 words"),
        (captioned | {"units": {"by": "word", "words": ["cat", "cat"]}}, "units.words is"),
        (captioned | {"units": {"by": "word", "words": [" "]}}, "units.words.0 is ' '"),
        ({"dataset": {"name": "openmoji"}}, "dataset.size is not set"),
        ({"dataset": {"name": "openmoji", "size": 8, "openmoji": {"vendors": []}}}, "openmoji.vendors is"),
        ({"dataset": {"name": "openmoji", "size": 8, "openmoji": {"vendors": ["noto"]}}}, "expected one of openmoji, twemoji"),
        ({"dataset": {"name": "openmoji", "size": 8, "openmoji": {"artist": 1}}}, "dataset.openmoji.artist is not known"),
    ):  # fmt: skip
        refused(checked, wrong, reason)


def test_weights_that_follow_from_the_family(checked):
    for family, members, weight in (
        ("random", 10, 5),
        ("partition", 10, 1),
        ("leave-one-out", 10, 9),
    ):
        null = {} if family == "random" else {"null_words": 0}
        found = checked({"code": {"family": family, "members": members, "weight": None} | null})
        assert found["code"]["weight"] == weight
    assert checked({"code": {"members": 12, "weight": 6}})["frechet"]["kept"] == [1, 3, 6, 12]


@pytest.mark.parametrize(
    ("schema", "word", "value"),
    [
        ({"type": "integer"}, "12", 12), ({"type": "number"}, "0.5", 0.5), ({"type": "boolean"}, "true", True),
        ({"type": ["integer", "null"]}, "null", None), ({"type": ["string", "null"]}, "null", None),
        ({"type": "string"}, "12", "12"), ({"enum": ["1", "2"]}, "1", "1"), ({"type": "integer"}, "[", "["),
    ],
)  # fmt: skip
def test_words_are_read_as_what_the_schema_allows(schema, word, value):
    found = check.read_value(word, schema)
    assert (found, type(found)) == (value, type(value))


def test_defaults_fill_what_is_absent_and_nothing_else(schema):
    filled = check.with_defaults({"training": {"ema": 0.5}, "dataset": None}, schema)
    assert filled["training"]["ema"] == 0.5
    assert filled["training"]["epochs"] == 400
    assert filled["dataset"]["name"] == "digits"
    plant = {"name": "a", "kind": "mark", "images": 3}
    filled = check.with_defaults({"dataset": {"plant": [plant]}}, schema)
    assert filled["dataset"]["plant"] == [plant | {"together": True}]
    assert "together" not in plant


def test_a_mistake_names_the_key_the_value_and_the_range(checked):
    for given, reason in (
        (
            {"training": {"ema": 1}},
            r"config key training.ema is 1, expected a finite number, at least 0, below 1",
        ),
        ({"training": {"emma": 1}}, r"config key training.emma is not known; did you mean ema\?"),
        (
            {"sampling": {"scheduler": "x"}},
            "is 'x', expected one of ddpm, ddpm-unclipped, ddpm-archive, ddim, dpmsolver",
        ),
        ({"training": {"learning_rate": float("nan")}}, "is nan, expected a finite number"),
    ):
        refused(checked, given, reason)
