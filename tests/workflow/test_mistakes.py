"""Wrong inputs: each ends with one sentence and exit code 1, without traceback or partial output."""

import gzip
import re
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import yaml
from encoded_ensembles.commands.fetch_dataset import fetch_dataset
from encoded_ensembles.config.check import check_config
from encoded_ensembles.storage.files import InputError
from PIL import Image
from workspace import REPOSITORY

TARGET = "results/{run}/data/training.npz"


def config(changes):
    merged = {"run": "wrong"}
    for key, value in changes.items():
        part = merged
        *path, last = key.split(".")
        for name in path:
            part = part.setdefault(name, {})
        part[last] = value
    return merged


CONFIGURATIONS = [
    ({"training.lerning_rate": 1}, "training.lerning_rate is not known; did you mean learning_rate?"),
    ({"colour": "red"}, "config key colour is not known; known keys: run, dataset"),
    ({"code.members": 9, "code.weight": None}, "code.members is 9, expected an even number"),
    ({"code.members": 8, "code.weight": 6}, "only 28 code words of weight 6 on 8 members exist; code.members: 10 with weight 5 would suffice"),
    ({"code.members": 8}, "only 70 code words of weight 4 on 8 members exist; code.members: 10 with weight 5 would suffice"),
    ({"code.weight": 14}, "code.weight is 14, expected 1 to 13"),
    ({"code.weight": 5.5}, "code.weight is 5.5, expected a whole number"),
    ({"code.members": 70}, "code.members is 70, expected a whole number, at least 2, at most 64"),
    ({"training.learning_rate": float("nan")}, "training.learning_rate is nan, expected a finite number, above 0"),
    ({"training.learning_rate": -1}, "training.learning_rate is -1, expected a finite number, above 0"),
    ({"training.epochs": "many"}, "training.epochs is 'many', expected a whole number"),
    ({"sampling.scheduler": "euler"}, "sampling.scheduler is euler, expected one of ddpm, ddpm-unclipped, ddpm-archive, ddim, dpmsolver++ without sampling.prompts"),
    ({"dataset.name": "cifar"}, "dataset.name is 'cifar', expected one of digits"),
    ({"dataset.name": "folder", "dataset.size": 8}, "dataset.path is not set; dataset.name folder needs it"),
    ({"dataset.heldout": 1}, "dataset.heldout is 1, expected a whole number of at least 2, or a share between 0 and 1"),
    ({"dataset.heldout": 20.5}, "dataset.heldout is 20.5, expected a whole number of at least 2, or a share"),
    ({"dataset.heldout": 0}, "dataset.heldout is 0, expected a finite number or null, above 0"),
    ({"figures.samples": [16]}, "figures.samples holds 16, expected 0 to 15"),
    ({"frechet.kept": [15]}, "frechet.kept holds 15, expected at most code.members (14)"),
    ({"run": "../elsewhere"}, "run is '../elsewhere', expected text, matching"),
    ({"model.widths": [20]}, "model.widths.0 is 20, expected a whole number, at least 8, at most 4096, a multiple of 8"),
    ({"code.family": "golay"}, "code.family is 'golay', expected one of random, balanced"),
    ({"code.family": "partition", "code.weight": 6}, "code.weight is 6, expected 1 or null with code.family partition"),
    ({"code.family": "leave-one-out", "code.weight": None}, "code.null_words is 100, expected 0 with code.family leave-one-out"),
    ({"code.distance": 4}, "code.distance is 4, expected 2 with code.family random"),
    ({"code.distance": 3}, "code.distance is 3, expected a whole number, at least 2, at most 64, a multiple of 2"),
    ({"units.by": "table"}, "units.by is table and units.table is None, expected both"),
    ({"units.by": "duplicates", "units.metric": "pixels", "units.threshold": 3}, "units.threshold is 3, expected 0 to 1"),
    ({"landscape.sets": {"a/b": ["x"]}}, "landscape.sets is 'a/b', expected text, matching"),
    ({"landscape.sets": {"a": []}}, "landscape.sets.a is []"),
    ({"dataset.plant": [{"name": "a", "kind": "mark", "images": 100}, {"name": "b", "kind": "shape", "images": 28}]}, "dataset.plant plants 128 images, expected fewer than dataset.images (128)"),
    ({"dataset.plant": [{"name": "a", "kind": "mark", "images": 3}, {"name": "b", "kind": "mark", "images": 2}]}, "dataset.plant holds 2 plants of kind mark, expected one"),
    ({"dataset.plant": [{"name": "a", "kind": "mark", "images": 3}, {"name": "a", "kind": "shape", "images": 2}]}, "dataset.plant holds 2 plants of name a, expected one"),
    ({"dataset.plant": [{"name": "a", "kind": "mark"}]}, "expected a group of keys (A plant, which needs name, kind and images)"),
    ({"dataset.plant": [{"name": "a/b", "kind": "mark", "images": 3}]}, "dataset.plant.0.name is 'a/b', expected text, matching"),
    ({"dataset.plant": [{"name": "a", "kind": "stripes", "images": 3}]}, "dataset.plant.0.kind is 'stripes', expected one of mark, colour, shape, duplicates"),
    ({"dataset.plant": [{"name": "a", "kind": "mark", "images": 3, "size": 2}]}, "dataset.plant.0.size is not known; known keys: name, kind"),
    ({"influence.distances": ["l1"]}, "influence.distances.0 is 'l1', expected one of ssim, features"),
    ({"influence.weights": {"vgg": "x"}}, "influence.weights.vgg is not known; known keys: lpips, openclip, dinov2"),
    ({"run": "a" * 101}, "expected text, matching ^[A-Za-z0-9][A-Za-z0-9._-]*$, letters: at most 100"),
    ({"run": "digits\n"}, "run is 'digits\\n', expected text, matching"),
    ({"landscape.sets": {"a\n": ["x"]}}, "landscape.sets is 'a\\n', expected text, matching"),
    ({"dataset.path": ""}, "dataset.path is '', expected text or null, letters: at least 1"),
    ({"units.by": "table", "units.table": ""}, "units.table is '', expected text or null"),
    ({"units.exclude": [""]}, "units.exclude.0 is '', expected text, letters: at least 1"),
    ({"retrain.named": [""]}, "retrain.named.0 is '', expected text, letters: at least 1"),
    ({"landscape.sets": {"a": [""]}}, "landscape.sets.a.0 is '', expected text, letters: at least 1"),
    ({"grade.scores": {"x": ""}}, "grade.scores.x is '', expected text, letters: at least 1"),
    ({"grade.scores": {"pixels": "x.npy"}}, "grade.scores holds pixels, which is the name of a method of the run's own; expected another name, such as my-pixels"),
    ({"grade.scores": {"contrast": "x.npy"}}, "grade.scores holds contrast"),
    ({"grade.scores": {"d-trak.full": "x.npy"}}, "grade.scores holds d-trak.full"),
    ({"units.exclude": [f"digits/{i:040d}" for i in range(3000)]}, "units.exclude lists 3000 units, whose names take 183000 bytes, expected at most 100000 in all lists"),
    ({"dataset": 3}, "config key dataset is 3, expected a group of keys"),
]  # fmt: skip


def test_wrong_configurations(schema):
    default = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
    for changes, sentence in CONFIGURATIONS:
        merged = config(changes)
        for key, value in default.items():
            if isinstance(value, dict) and isinstance(merged.get(key, {}), dict):
                merged[key] = value | merged.get(key, {})
        with pytest.raises(InputError) as refused:
            check_config(merged, schema)
        assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("given", "key", "value"),
    [
        ("code: {members: 12.0, weight: 6.0}", ("code", "members"), 12),
        ("landscape: {blocks: 4.0}", ("landscape", "blocks"), 4),
        ("figures: {samples: [0.0, 2.0]}", ("figures", "samples"), [0, 2]),
        ("training: {learning_rate: 1e-3}", ("training", "learning_rate"), 0.001),
        ("training: {epochs: 1e2}", ("training", "epochs"), 100),
        ("training: {ema: 0}", ("training", "ema"), 0),
        ("sampling: {samples: 2}", ("figures", "samples"), [0, 1]),
        ("sampling: {samples: 9}", ("figures", "samples"), [0, 1, 2, 3]),
        ("code: {members: 14}", ("code", "weight"), 7),
        ("code: {members: 10, null_words: 20}", ("code", "weight"), 5),
    ],
)
def test_numbers_written_otherwise_and_defaults_that_follow_others(schema, given, key, value):
    """Issue 14.17 and 14.18: whole floats, 1e-3, and defaults that fit fewer samples and members."""
    default = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
    changes = yaml.safe_load(given)
    merged = {part: default.get(part, {}) | keys for part, keys in changes.items()}
    found = check_config(default | merged, schema)[key[0]][key[1]]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("changes", "sentence"), CONFIGURATIONS[::26], ids=lambda value: str(value)[:40]
)
def test_a_wrong_configuration_ends_in_one_sentence(workspace, changes, sentence):
    (workspace.folder / "wrong.yaml").write_text(yaml.safe_dump(config(changes)))
    done = workspace.snakemake(config="wrong.yaml")
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert sentence in said
    assert "Traceback" not in said
    # Two lines are Snakemake's own: which profile, which configuration files.
    (error,) = done.stderr.strip().splitlines()[2:]
    assert error.startswith("Error: ")
    assert not (workspace.folder / "results").exists()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            "influence: {distances: [lpips]}",
            "the weights of lpips are expected in resources/lpips.safetensors,",
        ),
        (
            "frechet: {inception: gone.pt}",
            "config key frechet.inception is gone.pt, expected a file that exists;",
        ),
        (
            "frechet: {inception: toy.yaml}",
            "config key frechet.inception is toy.yaml, expected a file named inception-2015-12-05.pt, as clean-fid",
        ),
        pytest.param(
            "influence: {distances: [lpips], weights: {lpips: toy.yaml}}",
            "influence.distances names lpips, which needs the Python package lpips; install it, or remove lpips",
            marks=pytest.mark.skipif(bool(find_spec("lpips")), reason="lpips is installed"),
        ),
    ],
)
def test_what_is_not_there_ends_in_one_sentence(workspace, changes, sentence):
    (workspace.folder / "wrong.yaml").write_text(changes)
    done = workspace.snakemake(config="wrong.yaml")
    assert done.returncode == 1
    (error,) = done.stderr.strip().splitlines()[2:]
    assert error.startswith(f"Error: {sentence}")


def test_a_missing_compiler_is_said_before_any_job(workspace):
    (workspace.folder / "compiled.yaml").write_text("sampling: {compile: true}")
    workspace.environment["CXX"] = "no-such-compiler"
    done = workspace.snakemake(config="compiled.yaml")
    assert done.returncode == 1
    assert (
        "Error: sampling.compile is true, but the C++ compiler no-such-compiler is not"
        in done.stderr
    )
    assert "Traceback" not in done.stderr
    assert not (workspace.folder / "results").exists()


def broken_png(folder):
    Image.new("RGB", (9, 9)).save(folder / "good.png")
    whole = (folder / "good.png").read_bytes()
    (folder / "broken.png").write_bytes(whole[: len(whole) // 2])


def truncated_idx(folder):
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(bytes(2000))[:-9])


def wrong_idx(folder):
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"\0\0\x08\x01\0\0\0\x01x"))


DATA = [
    ("folder", lambda folder: None, {}, "holds no image, expected files ending in"),
    ("folder", broken_png, {}, "broken.png cannot be read as an image"),
    ("fashion-mnist", lambda folder: None, {}, "expected a folder with train-images-idx3-ubyte.gz"),
    ("fashion-mnist", truncated_idx, {}, "is not a whole gzip file"),
    ("fashion-mnist", wrong_idx, {}, "expected c59f468a2f67"),
    ("digits", lambda folder: None, {"dataset.images": 200, "dataset.heldout": 1700, "code.members": 12, "code.weight": 6}, "dataset.images is 200, expected at most 97"),
    ("digits", lambda folder: None, {"units.exclude": ["digits/9"]}, "digits/9 is no unit of the training images"),
    ("digits", lambda folder: None, {"dataset.images": None, "dataset.heldout": 1697, "dataset.plant": [{"name": "a", "kind": "mark", "images": 100}]}, "dataset.plant plants 100 images, expected fewer than the 100 training images"),
    ("digits", lambda folder: None, {"dataset.heldout": 5000}, "dataset.heldout is 5000, expected at most 1797"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "damage", "changes", "sentence"), DATA, ids=[case[3][:30] for case in DATA]
)
def test_wrong_data(schema, tmp_path, name, damage, changes, sentence):
    (folder := tmp_path / "pictures").mkdir()
    damage(folder)
    path = {} if name == "digits" else {"dataset.path": str(folder), "dataset.size": 8}
    found = check_config(config({"dataset.name": name} | path | changes), schema)
    data = found["dataset"]
    plants = [f"{each['name']}:{each['kind']}:{each['images']}:together" for each in data["plant"]]
    out = tmp_path / "data"
    with pytest.raises(InputError, match=re.escape(sentence)):
        fetch_dataset(
            name, *(out / f"{part}.npz" for part in ("training", "heldout", "spare")),
            out / "dataset.json", images=data["images"], heldout_images=data["heldout"],
            spare_images=data["spare"], size=data["size"],
            path=Path(data["path"]) if data["path"] else None,
            exclude=found["units"]["exclude"], plant=plants,
        )  # fmt: skip
    assert not list(out.glob("*"))


def test_wrong_pictures_are_one_sentence(workspace):
    folder = workspace.folder / "pictures"
    folder.mkdir()
    ((_, damage, _, sentence),) = [case for case in DATA if "broken.png" in case[3]]
    damage(folder)
    own = {"dataset.name": "folder", "dataset.path": str(folder), "dataset.size": 8}
    (workspace.folder / "wrong.yaml").write_text(yaml.safe_dump(config(own)))
    done = workspace.snakemake(TARGET.format(run="wrong"), config="wrong.yaml")
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert "encens: error: " in said
    assert sentence in said
    assert "Traceback" not in said
    assert not list((workspace.folder / "results/wrong/data").glob("*"))


def test_more_units_than_words_is_found_once_the_units_are_known(workspace):
    changes = {"dataset.images": None, "dataset.heldout": 1697, "code.members": 6, "code.weight": 3}
    (workspace.folder / "wrong.yaml").write_text(yaml.safe_dump(config(changes)))
    done = workspace.snakemake("results/wrong/code/code.npz", config="wrong.yaml")
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert "100 units and 100 null code words (code.null_words) need a word each" in said
    assert "Traceback" not in said
    assert not list((workspace.folder / "results/wrong/code").glob("*"))


def test_images_that_do_not_halve_as_often_as_the_network_does(workspace):
    (workspace.folder / "wrong.yaml").write_text(yaml.safe_dump(config({"model.widths": [8] * 5})))
    target = "results/wrong/members/full/config.json"
    done = workspace.snakemake(target, config="wrong.yaml")
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert "images of 8x8 pixels are not divisible by 16" in said
    assert "Traceback" not in said
    assert not (workspace.folder / target).exists()


@pytest.mark.parametrize(
    ("damage", "rule", "sentence"),
    [
        ("members/02/diffusion_pytorch_model.safetensors", "sample_ensemble", "is damaged"),
        ("data/training.npz", "train_member", "is damaged"),
    ],
)  # fmt: skip
def test_truncated_file(rerun, damage, rule, sentence):
    """Issue 14.23: the sentence stands last, below the shell line and the inputs of the job."""
    file = rerun.results() / damage
    file.write_bytes(file.read_bytes()[:1000])
    done = rerun.snakemake("--forcerun", rule)
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert sentence in "".join(done.stderr.splitlines()[-7:])  # where it is seen
    assert "Traceback" not in said


def test_every_verb_has_help_and_refuses_what_is_missing(workspace):
    listed = workspace.encens("--help").stdout
    assert "train-member" in listed
    helped = workspace.encens("ablate-block", "--help").stdout
    assert "(A, B, C, H, W)" in " ".join(helped.replace("│", " ").split())
    done = workspace.encens("plot-kept", "--scores", "absent.parquet", "--output", "x.pdf")
    assert done.returncode == 1
    assert "absent.parquet" in done.stderr
    assert "Traceback" not in done.stderr


NAMES = [
    ({"retrain.named": ["digits/9"]}, "config key retrain.named: digits/9 is no unit of the training images"),
    ({"landscape.sets": {"mine": ["digits/9"]}}, "config key landscape.sets.mine: digits/9 is no unit"),
    ({"landscape.sets": {"mine": "all"}}, "config key landscape.sets.mine: every one of the 6 members sees one of these units"),
    ({"retrain.units": 13}, "config key retrain.units is 13, expected at most 12"),
    ({"landscape.blocks": 13}, "config key landscape.blocks is 13, expected at most 12, the number of units"),
    ({"training.steps_per_epoch": 7}, "config key training.steps_per_epoch is 7, expected at most 5, the images in the split of member 00: most batches would be empty; lower it, and raise training.epochs"),
    ({"grade.scores": {"mine": "short.npy"}}, "holds scores (2, 3), 6 of them finite; expected a finite score for each of 12 units and 3 samples"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "sentence"), NAMES, ids=[case[1][11:40] for case in NAMES])
def test_names_that_do_not_exist_are_found_before_any_training(
    finished, tmp_path, changes, sentence
):
    """Issue 14.11 and 14.13: as soon as the units are known, by a job that all trainings wait for."""
    from encoded_ensembles.commands.check_names import check_names

    code = finished.results() / "code/code.npz"
    np.save(tmp_path / "short.npy", np.zeros((2, 3)))
    ((key, value),) = changes.items()
    options = {"samples": 3}
    if key == "landscape.sets":
        ((name, units),) = value.items()
        units = np.load(code)["unit_names"].tolist() if units == "all" else units
        options["unit_set"] = [f"{name}={unit}" for unit in units]
    elif key == "grade.scores":
        options["foreign"] = [f"{name}={tmp_path / file}" for name, file in value.items()]
    else:
        option = {"retrain.units": "retrained"}.get(key, key.rpartition(".")[2])
        options[option] = value
    with pytest.raises(InputError, match=re.escape(sentence)):
        check_names(code, tmp_path / "checked.json", **options)
    assert not (tmp_path / "checked.json").exists()


def test_no_member_is_trained_where_a_name_does_not_exist(workspace):
    """Issue 14.11: braces in a name neither stop the DAG nor reach the shell as a wildcard."""
    own = config({"retrain.named": ["digits/{9}"]}) | {"run": "wrong"}
    (workspace.folder / "wrong.yaml").write_text(yaml.safe_dump(own))
    done = workspace.snakemake("--configfile", "toy.yaml", "wrong.yaml", config=None)
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert "config key retrain.named: digits/{9} is no unit of the training images" in said
    assert "Traceback" not in said
    assert not (workspace.folder / "results/wrong/members").exists()


def test_a_folder_that_is_not_there_is_said_before_anything_runs(workspace):
    """Issue 14.11: also in a dry run."""
    changes = {"dataset.name": "folder", "dataset.path": "nowhere", "dataset.size": 8}
    (workspace.folder / "wrong.yaml").write_text(yaml.safe_dump(config(changes)))
    done = workspace.snakemake("--dry-run", config="wrong.yaml")
    assert done.returncode == 1
    assert "config key dataset.path is nowhere, expected a folder that exists" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
