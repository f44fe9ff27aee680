"""Wrong inputs: each ends with one sentence and exit code 1, without traceback or partial output."""

import gzip

import pytest
import yaml
from conftest import REPOSITORY
from encoded_ensembles.config import check_config
from encoded_ensembles.files import InputError
from PIL import Image

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
    ({"code.members": 8}, "only 28 code words of weight 6 on 8 members exist; code.members: 10 with weight 5 would do"),
    ({"code.weight": 12}, "code.weight is 12, expected 1 to 11"),
    ({"code.weight": 5.5}, "code.weight is 5.5, expected a whole number"),
    ({"code.members": 70}, "code.members is 70, expected a whole number, at least 2, at most 64"),
    ({"training.learning_rate": float("nan")}, "training.learning_rate is nan, expected a finite number, above 0"),
    ({"training.learning_rate": -1}, "training.learning_rate is -1, expected a finite number, above 0"),
    ({"training.epochs": "many"}, "training.epochs is 'many', expected a whole number"),
    ({"sampling.scheduler": "euler"}, "sampling.scheduler is 'euler', expected one of ddpm, ddim, dpmsolver++"),
    ({"dataset.name": "cifar"}, "dataset.name is 'cifar', expected one of digits"),
    ({"dataset.name": "folder", "dataset.size": 8}, "dataset.path is not set; dataset.name folder needs it"),
    ({"figures.samples": [16]}, "figures.samples holds 16, expected 0 to 15"),
    ({"frechet.kept": [13]}, "frechet.kept holds 13, expected at most code.members (12)"),
    ({"run": "../elsewhere"}, "run is '../elsewhere', expected text, matching"),
    ({"model.widths": [20]}, "model.widths.0 is 20, expected a whole number, at least 8, at most 4096, a multiple of 8"),
    ({"code.family": "golay"}, "code.family is 'golay', expected one of random, balanced"),
    ({"code.family": "partition"}, "code.weight is 6, expected 1 or null with code.family partition"),
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
    ("changes", "sentence"), CONFIGURATIONS[::6], ids=lambda value: str(value)[:40]
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
    ],
)
def test_a_file_that_is_not_there_ends_in_one_sentence(workspace, changes, sentence):
    (workspace.folder / "wrong.yaml").write_text(changes)
    done = workspace.snakemake(config="wrong.yaml")
    assert done.returncode == 1
    (error,) = done.stderr.strip().splitlines()[2:]
    assert error.startswith(f"Error: {sentence}")


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
    ("folder", lambda folder: folder.rmdir(), {}, "expected a folder that exists"),
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
def test_wrong_data(workspace, name, damage, changes, sentence):
    folder = workspace.folder / "pictures"
    folder.mkdir()
    damage(folder)
    own = {"dataset.name": name} | (
        {} if name == "digits" else {"dataset.path": str(folder), "dataset.size": 8}
    )
    (workspace.folder / "wrong.yaml").write_text(yaml.safe_dump(config(own | changes)))
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
    assert "100 units and 100 null code words (code.null_words) were asked for" in said
    assert "Traceback" not in said
    assert not list((workspace.folder / "results/wrong/code").glob("*"))


def test_images_that_do_not_halve_as_often_as_the_network_does(workspace):
    (workspace.folder / "wrong.yaml").write_text(yaml.safe_dump(config({"model.widths": [8] * 5})))
    target = "results/wrong/members/full/config.json"
    done = workspace.snakemake(target, config="wrong.yaml")
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert "images of 8x8 pixels do not divide by 16" in said
    assert "Traceback" not in said
    assert not (workspace.folder / target).exists()


@pytest.mark.parametrize(
    ("damage", "rule", "sentence"),
    [
        ("members/02/diffusion_pytorch_model.safetensors", "sample_ensemble", "is damaged"),
        ("noise/landscape.safetensors", "ablate_block", "is damaged"),
        ("data/training.npz", "train_member", "is damaged"),
    ],
)  # fmt: skip
def test_truncated_file(rerun, damage, rule, sentence):
    file = rerun.results() / damage
    file.write_bytes(file.read_bytes()[:1000])
    done = rerun.snakemake("--forcerun", rule)
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert sentence in said
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
