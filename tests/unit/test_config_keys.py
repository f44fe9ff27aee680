"""Issue 14.28: every key of the configuration changes what it should: two values, two results.

Three steps from a key to a result, each with a test for all keys:
1. the key shows in the shell line of the rule that owns it (LINES), both with one value and with another;
2. each option of a shell line is used by its command;
3. a key that decides results has a test of two values and two results (RESULTS).
A new key without its lines here fails the first test.
"""

import ast
import inspect
import json
import re
import shutil
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch
import typer
from conftest import REPOSITORY
from encoded_ensembles import baselines, codes, feed, gradients, keep, retrain, splits, unet
from encoded_ensembles.cli import app
from encoded_ensembles.commands.contrast import measure_contrast
from encoded_ensembles.commands.sample import Sampling
from encoded_ensembles.commands.train import Training
from encoded_ensembles.data import ImageSet, write_images
from encoded_ensembles.ensemble import sample
from encoded_ensembles.families import Family
from encoded_ensembles.files import read_table, write_arrays, write_tensors
from encoded_ensembles.noise import draw_noise
from encoded_ensembles.train import make_initial


class Line(NamedTuple):
    """How a key shows in what a rule runs.

    Attributes:
        keys: of the configuration.
        rule: that owns it.
        pair: of values of the first key; {tmp} in them is a folder with files one and two.
        shown: what the rule's shell line and inputs hold with each; {} is the value, None is nothing.
        group: of GROUPS, what else the configuration says.
    """

    keys: str
    rule: str
    pair: tuple[Any, Any]
    shown: str | tuple[str | None, str | None]
    group: str = ""


PLANTS = (
    [{"name": "a", "kind": "mark", "images": 3}],
    [{"name": "b", "kind": "colour", "images": 4, "together": False}],
)
# Keys that exclude each other are in different groups; few, since each group is parsed twice.
GROUPS = {
    "": {},
    "second": {"dataset": {"name": "mnist"}, "units": {"by": "table"}},
    "third": {
        "units": {"by": "duplicates"}, "code": {"family": "min-distance"}, "landscape": {"mode": "screened"},
        "influence": {"distances": ["lpips", "openclip", "dinov2"]}, "frechet": {"extractor": "inception"},
    },
    "smoke": {},
}  # fmt: skip
LINES = [
    Line("run", "all", ("one", "two"), "results/{}/run.json"),
    Line("dataset.name", "fetch_dataset", ("digits", "mnist"), "--name {} "),
    Line("dataset.path", "fetch_dataset", ("{tmp}/one", "{tmp}/two"), "--path {} ", "second"),
    Line("dataset.mirror", "fetch_dataset", ("http://a", "http://b"), "--mirror {} ", "second"),
    Line("dataset.images", "fetch_dataset", (100, 101), "--images {} "),
    Line("dataset.heldout", "fetch_dataset", (102, 103), "--heldout-images {} "),
    Line("dataset.spare", "fetch_dataset", (104, 105), "--spare-images {} "),
    Line("dataset.size", "fetch_dataset", (8, 16), "--size {} "),
    Line("dataset.channels", "fetch_dataset", (1, 3), "--channels {} "),
    Line("dataset.part", "fetch_dataset", ("train", "all"), "--part {} "),
    Line("dataset.labels", "fetch_dataset", (7, 9), "--labels {} "),
    Line("dataset.per_label", "fetch_dataset", (80, 90), "--per-label {} "),
    Line("dataset.border", "fetch_dataset", (0, 4), "--border {} "),
    Line("dataset.seed", "fetch_dataset", (11, 12), "--seed {} "),
    Line(
        "dataset.plant[].name dataset.plant[].kind dataset.plant[].images dataset.plant[].together",
        "fetch_dataset", PLANTS, ("--plant a:mark:3:together ", "--plant b:colour:4:apart "), "second",
    ),
    Line("units.by", "encode_units", ("image", "label"), "--by {} "),
    Line("units.table", "encode_units", ("{tmp}/one.csv", "{tmp}/two.csv"), "--table {} ", "second"),
    Line("units.column", "encode_units", ("a", "b"), "--column {} ", "second"),
    Line("units.metric", "encode_units", ("phash", "pixels"), "--metric {} ", "third"),
    Line("units.threshold", "encode_units", (0.5, 0.25), "--threshold {} ", "third"),
    Line("units.exclude", "fetch_dataset", (["u"], ["v"]), ("--exclude u ", "--exclude v ")),
    Line("code.family", "encode_units", ("random", "balanced"), "--family {} "),
    Line("code.members", "encode_units", (12, 14), "--members {} "),
    Line("code.weight", "encode_units", (6, 5), "--weight {} "),
    Line("code.distance", "encode_units", (2, 4), "--distance {} ", "third"),
    Line("code.null_words", "encode_units", (31, 32), "--null-words {} "),
    Line("code.seed", "encode_units", (13, 14), "--seed {} "),
    Line("model.widths", "train_member", ([16], [16, 24]), ("--widths 16 ", "--widths 16,24 ")),
    Line("model.layers_per_block", "train_member", (1, 2), "--layers-per-block {} "),
    Line("model.attention", "train_member", (True, [0]), ("--attention ", "--attention-at 0 ")),
    Line("model.dropout", "train_member", (0.25, 0.5), "--dropout {} "),
    Line("model.classes", "retrain_member", (False, True), ("--no-classes ", "--classes "), "second"),
    Line("model.norm_groups", "train_member", (8, 4), "--norm-groups {} "),
    Line("model.base", "fetch_base", ("a/one", "a/two"), "--base {} ", "second"),
    Line("model.autoencoder", "fetch_autoencoder", ("a/one", "a/two"), "--autoencoder {} ", "second"),
    Line("model.lora.rank", "retrain_member", (2, 3), "--rank {} ", "second"),
    Line("model.lora.alpha", "retrain_member", (5, 6), "--alpha {} ", "second"),
    Line("model.lora.targets", "retrain_member", (["q"], ["k"]), ("--target q ", "--target k "), "second"),
    Line("training.epochs", "train_member", (201, 202), "--epochs {} "),
    Line("training.steps_per_epoch", "train_member", (3, 4), "--steps-per-epoch {} "),
    Line("training.learning_rate", "train_member", (0.25, 0.125), "--learning-rate {} "),
    Line("training.ema", "train_member", (0.75, 0.875), "--ema {} "),
    Line("training.flip", "train_member", (False, True), ("--no-flip ", "--flip ")),
    Line("training.precision", "train_member", ("float32", "bfloat16"), "--precision {} "),
    Line("training.members_per_job", "train_members_0", (2, 3), ("splits/01.json", "splits/02.json"), "second"),
    Line("training.seed", "train_member", (15, 16), "--seed {} "),
    Line("sampling.samples", "draw_noise", (20, 21), "--samples {} "),
    Line("sampling.scheduler", "ablate_block", ("ddpm", "ddim"), "--scheduler {} "),
    Line("sampling.steps", "draw_noise", (22, 23), "--steps {} "),
    Line("sampling.batch", "ablate_block", (17, 18), "--batch {} "),
    Line("sampling.precision", "ablate_block", ("float32", "bfloat16"), "--precision {} "),
    Line("sampling.compile", "ablate_block", (False, True), ("--no-compiled ", "--compiled ")),
    Line("sampling.seed", "draw_noise", (17, 18), "--seed {} "),
    Line("landscape.mode", "screen_block", ("exact", "screened"), (None, "encens screen-block "), "second"),
    Line("landscape.top", "screen_block", (4, 5), "--top {} ", "third"),
    Line("landscape.missed", "screen_block", (0.25, 0.75), "--missed {} ", "third"),
    Line("landscape.budget", "screen_block", (0.25, 0.75), "--budget {} ", "third"),
    Line("landscape.blocks", "measure_influence", (2, 3), "1-of-{}.safetensors"),
    Line("landscape.sets", "ablate_set", ({"s": ["u"]}, {"s": ["v"]}), ("--units u ", "--units v ")),
    Line("influence.distances", "measure_influence", (["ssim"], ["features"]), ("--distances ssim ", "--distances features ")),
    Line("influence.weights.lpips", "measure_influence", ("{tmp}/one.csv", "{tmp}/two.csv"), "--weights lpips={} ", "third"),
    Line("influence.weights.openclip", "measure_influence", ("{tmp}/one.csv", "{tmp}/two.csv"), "--weights openclip={} ", "third"),
    Line("influence.weights.dinov2", "measure_influence", ("{tmp}/one.csv", "{tmp}/two.csv"), "--weights dinov2={} ", "third"),
    Line("contrast.levels", "follow_members", (250, 350), "--levels {} "),
    Line("contrast.null_words", "measure_contrast", (51, 52), "--null-words {} "),
    Line("contrast.attributed", "measure_contrast", (0.125, 0.25), "--attributed {} "),
    Line("retrain.units", "choose_controls", (6, 7), "--units {} "),
    Line("retrain.named", "choose_controls", (["u"], ["v"]), ("--named u ", "--named v ")),
    Line("retrain.fresh", "sample_controls", (1, 2), "--fresh-units {} "),
    Line("retrain.seed", "retrain_member", (24, 25), "--seed {} "),
    Line("heldout.models", "measure_heldout", (8, 9), "--halves {} "),
    Line("heldout.repeats", "measure_heldout", (1, 2), "--repeats {} "),
    Line("heldout.share", "split_heldout", (0.25, 0.75), "--share {} "),
    Line("heldout.seed", "split_heldout", (26, 27), "--half-seed {} "),
    Line("grade.scores", "grade_methods", ({"m": "{tmp}/one.csv"}, {"m": "{tmp}/two.csv"}), ("--foreign m={tmp}/one.csv ", "--foreign m={tmp}/two.csv ")),
    Line("grade.bootstrap", "grade_methods", (30, 40), "--bootstrap {} "),
    Line("grade.seed", "grade_methods", (28, 29), "--seed {} "),
    Line("rivals.gradients", "score_rivals", (False, True), (None, "--full ")),
    Line("rivals.levels", "project_gradients", (11, 12), "--levels {} "),
    Line("rivals.projection", "project_gradients", (64, 128), "--projection {} "),
    Line("rivals.noise", "project_gradients", ("image", "common"), "--noise {} "),
    Line("rivals.damping", "score_rivals", ([0.25], [0.5]), ("--damping 0.25 ", "--damping 0.5 ")),
    Line("rivals.degraded", "score_rivals", ([0.25], [0.5]), ("--degraded 0.25 ", "--degraded 0.5 ")),
    Line("rivals.seed", "project_gradients", (41, 42), "--seed {} "),
    Line("frechet.extractor", "score_frechet", ("classifier", "pixels"), ("--classifier ", None)),
    Line("frechet.inception", "score_frechet", ("{tmp}/one.csv", "{tmp}/two.csv"), "{}", "third"),
    Line("frechet.samples", "score_frechet", (60, 61), "--samples {} "),
    Line("frechet.kept", "sample_frechet", ([4], [5]), ("--kept 1,4,6,12 ", "--kept 1,5,9,14 ")),
    Line("frechet.repeats", "sample_frechet", (3, 4), "--repeats {} "),
    Line("frechet.blocks", "score_frechet", (2, 3), "1-of-{}.npz"),
    Line("figures.samples", "plot_influence", ([0], [1, 2]), ("--chosen 0 ", "--chosen 1,2 ")),
    Line("figures.top", "plot_influence", (3, 4), "--top {} "),
    Line("gallery.samples", "make_gallery", (62, 63), "--shown {} "),
    Line("gallery.pictures", "make_gallery", (64, 65), "--pictures {} "),
    Line("smoke", "train_member", (False, True), ("--epochs 800 ", "--epochs 2 "), "smoke"),
]  # fmt: skip
# Tests of two values and two results; those of this file by their name alone.
RESULTS = {
    "code.": "test_every_key_of_the_code_changes_the_words",
    "model.base": "test_every_key_of_an_adapter_changes_what_it_predicts",
    "model.lora.": "test_every_key_of_an_adapter_changes_what_it_predicts",
    "model.autoencoder": "test_space.py::test_latents_are_the_mode_shifted_and_scaled",
    "model.": "test_every_key_of_the_network_changes_what_it_predicts",
    "training.": "test_train.py::test_every_key_of_the_recipe_changes_the_weights",
    "sampling.precision": "test_holding.py::test_bfloat16_moves_samples_a_little",
    "sampling.compile": "test_holding.py::test_compiled_members_differ_in_the_last_digits",
    "sampling.": "test_seed_steps_and_scheduler_of_sampling_change_the_samples",
    "contrast.levels": "test_contrast.py::test_levels_up_to_the_highest_count_and_count_alike",
    "contrast.": "test_null_words_and_the_false_discovery_rate_decide_what_is_attributed",
    "retrain.": "test_every_key_of_retraining_changes_the_controls",
    "heldout.": "test_share_seed_and_number_change_the_half",
    "rivals.": "test_every_key_of_the_rivals_changes_their_scores",
    "frechet.extractor": "test_frechet.py::test_the_extractor_is_the_one_that_is_there",
    "frechet.inception": "test_frechet.py::test_inception_is_clean_fids_protocol",
    "frechet.samples": "test_frechet.py::test_spare_images_are_shared",
    "frechet.": "test_sizes_and_repeats_change_the_masks",
}
PART = {"training.members_per_job"}  # of which the lower number's files are among the higher's
DECIDING = {part.partition(".")[0] for part in RESULTS}
CHANGE_NOTHING = {  # as their descriptions say
    "training.members_per_job", "sampling.batch", "landscape.blocks", "frechet.blocks",
}  # fmt: skip


def leaves(part, path=""):
    """Yield every key of the schema, those of a list's items as list[].key."""
    for key, value in part["properties"].items():
        if "properties" in value:
            yield from leaves(value, f"{path}{key}.")
        elif "properties" in value.get("items", {}):
            yield from leaves(value["items"], f"{path}{key}[].")
        else:
            yield f"{path}{key}"


def named(test):
    """Return the file and the name of a test."""
    file, _, name = test.rpartition("::")
    return Path(__file__).with_name(file or Path(__file__).name), name


def result_of(key):
    """Return the test of two results of a key: the one of its longest known beginning."""
    known = [part for part in RESULTS if key.startswith(part)]
    return RESULTS[max(known, key=len)] if known else None


def test_every_key_is_tested(schema):
    """A new key needs a line in LINES, and one in RESULTS if it decides results."""
    keys, tested = list(leaves(schema)), [key for line in LINES for key in line.keys.split()]
    assert len(keys) > 80
    assert sorted(tested) == sorted(keys)
    deciding = {key for key in keys if key.partition(".")[0] in DECIDING} - CHANGE_NOTHING
    assert set(keys) >= CHANGE_NOTHING
    assert len(deciding) > 40
    for key in deciding:
        file, name = named(result_of(key))
        assert f"\ndef {name}(" in file.read_text(), key


def test_keys_that_change_nothing_say_so(schema):
    for key in CHANGE_NOTHING:
        part, name = key.split(".")
        said = schema["properties"][part]["properties"][name]["description"].lower()
        assert "changes no result" in said, key


# Step 1: from the key to the shell line.

WILDCARDS = {
    "member": "00", "arm": "fresh", "control": "0", "seen": "0", "model": "0", "repeat": "0",
    "set": "s", "scatteritem": "1-of-2",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the workflow is parsed: the default configuration, and files to be named in it."""
    made = tmp_path_factory.mktemp("parsed")
    shutil.copy(REPOSITORY / "config.yaml", made)
    for name in ("one", "two"):
        (made / name).mkdir()
        (made / name / "0.png").write_bytes(b"")
        (made / f"{name}.csv").write_text("name,a,b\n")
    return made


def parsed(config, lines, folder):
    """Return what the rules of some lines run, as Snakemake reads the workflow; a third of a second."""
    from snakemake.api import SnakemakeApi
    from snakemake.settings.types import ConfigSettings, OutputSettings, Quietness, ResourceSettings

    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=1), config_settings=ConfigSettings(config=config),
            snakefile=REPOSITORY / "Snakefile", workdir=folder,
        )  # fmt: skip
        # Not public: what is public plans jobs, which takes ten times as long.
        rules = {rule.name: rule for rule in workflow._workflow.rules}
        return [written(rules.get(line.rule), line.keys) for line in lines]


def written(rule, keys):
    """Return the shell line of a rule and its inputs, as far as the configuration decides them."""
    if rule is None:
        return ""
    use = "frechet" if keys == "frechet.samples" else "landscape"
    wildcards = SimpleNamespace(run="toy", use=use, **WILDCARDS)

    def text(value):
        if callable(value):
            try:
                value = value(wildcards)
            except Exception:  # of inputs that wait for a checkpoint, or of what takes more
                value = ""
        return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)

    values = {name: text(value) for name, value in rule.params.items()}
    shell = re.sub(r"\{params\.(\w+)(:q)?\}", lambda match: values[match[1]], rule.shellcmd or "")
    return f"{' '.join(shell.split())} {' '.join(map(text, rule.input))} "


def placed(value, folder):
    """Return a value with the folder's name in place of {tmp}."""
    return json.loads(json.dumps(value).replace("{tmp}", str(folder)))


def with_keys(config, lines, which, folder):
    """Return a configuration with one of the two values of each key."""
    config = json.loads(json.dumps(config))
    for line in lines:
        *above, last = line.keys.split("[]")[0].split(".")
        place = config
        for key in above:
            place = place.setdefault(key, {})
        place[last] = placed(line.pair[which], folder)
    return config


@pytest.mark.parametrize("group", GROUPS)
def test_keys_show_in_the_shell_lines_of_their_rules(group, folder):
    """All keys of a group change at once; each must show in the line of its own rule."""
    lines = [line for line in LINES if line.group == group]
    first, second = (
        parsed(with_keys(GROUPS[group], lines, which, folder), lines, folder) for which in (0, 1)
    )
    for line, *found in zip(lines, first, second, strict=True):
        texts = line.shown if isinstance(line.shown, tuple) else (line.shown,) * 2
        shown = [
            None if text is None else placed(text, folder).replace("{}", str(placed(value, folder)))
            for text, value in zip(texts, line.pair, strict=True)
        ]
        for text, here, other in zip(shown, found, reversed(found), strict=True):
            assert text is None or text in here, (line.keys, here)
            assert text is None or text not in other or line.keys in PART, (line.keys, other)


# Step 2: from the option to the command.


def test_every_option_is_used_by_its_command():
    """A parameter that a function does not read would be an option that changes nothing."""
    unread, seen = [], 0
    for verb, command in typer.main.get_command(app).commands.items():
        function = inspect.unwrap(command.callback)
        tree = ast.parse(inspect.getsource(function))
        read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        own = set(inspect.signature(function).parameters)
        seen += len(own)
        unread += [(verb, name) for name in own - read]
    assert seen > 300
    assert not unread


def test_every_option_that_verbs_share_is_used():
    sources = {Training: "train", Sampling: "sample"}
    text = "".join(
        file.read_text()
        for file in (REPOSITORY / "workflow/encoded_ensembles/commands").glob("*.py")
    )
    for kind, name in sources.items():
        read = set(re.findall(rf"(?:self|{name}|{name}ing|{kind.__name__.lower()})\.(\w+)", text))
        assert {field.name for field in fields(kind)} <= read


# Step 3: from the argument to the result.

TRAINING = {
    "widths": "8,16", "layers_per_block": 1, "epochs": 2, "steps_per_epoch": 3, "learning_rate": 0.5,
    "ema": 0.25,
}  # fmt: skip


def test_options_of_training_are_the_recipe():
    """Each option reaches the field of its own name, and no other."""
    given = TRAINING | {"precision": "bfloat16", "seed": 7, "flip": True}
    recipe = Training(**given).recipe()
    assert recipe == feed.Recipe(
        epochs=2, steps_per_epoch=3, learning_rate=0.5, ema=0.25, precision="bfloat16", seed=7, flip=True
    )  # fmt: skip
    default = Training(**TRAINING).recipe()
    assert (default.precision, default.seed, default.flip) == ("float32", 0, False)


def predicted(training, *, seed=0):
    """Return what a new network predicts in training, which says all of it that its keys decide."""
    network = make_initial(training.network(classes=3), shape=(1, 8, 8), seed=seed).train()
    torch.manual_seed(0)
    images = torch.randn(4, 1, 8, 8)
    classes = network.config.num_class_embeds
    labels = {"class_labels": torch.arange(4) % classes} if classes else {}
    with torch.no_grad():
        return network(images, torch.tensor(500), **labels).sample.numpy()


@pytest.mark.parametrize(
    "change",
    [
        {"widths": "8,8"}, {"layers_per_block": 2}, {"attention": True}, {"attention_at": [0]},
        {"dropout": 0.5}, {"norm_groups": 4}, {"classes": True},
    ],
)  # fmt: skip
def test_every_key_of_the_network_changes_what_it_predicts(change):
    base = predicted(Training(**TRAINING))
    assert np.array_equal(base, predicted(Training(**TRAINING)))
    assert not np.allclose(base, predicted(Training(**TRAINING | change)), atol=1e-4)
    assert not np.allclose(base, predicted(Training(**TRAINING), seed=1), atol=1e-4)


def test_every_key_of_an_adapter_changes_what_it_predicts(tmp_path):
    """Rank and targets say how many weights there are, alpha how much of them counts, base the rest."""
    config = unet.unet_config(shape=(1, 8, 8), widths=[8, 8], layers_per_block=1, attention=True)
    for seed in (0, 1):
        unet.save_network(unet.build_unet(config, seed=seed), tmp_path / f"{seed}")

    def adapted(number=0, **change):
        options = (
            TRAINING | {"base": tmp_path / f"{number}", "rank": 2, "target": ["to_q"]} | change
        )
        network = make_initial(
            Training(**options).network(classes=3), shape=(1, 8, 8), seed=0
        ).eval()
        sizes = 0
        with torch.no_grad():
            for name, each in network.named_parameters():
                if "lora_" in name:
                    sizes += each.numel()
                    each.copy_(torch.linspace(0, 0.5, each.numel()).view_as(each))  # as if trained
            return sizes, network(torch.ones(1, 1, 8, 8), torch.tensor(500)).sample.numpy()

    size, base = adapted()
    for change in ({"number": 1}, {"alpha": 8.0}, {"rank": 3}, {"target": ["to_k", "to_v"]}):
        other, found = adapted(**change)
        assert not np.allclose(found, base, atol=1e-4), change
        assert (other != size) == ("rank" in change or "target" in change)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "balanced"}, {"members": 10}, {"weight": 5}, {"distance": 4, "name": "min-distance"},
        {"null_words": 4}, {"seed": 1},
    ],
)  # fmt: skip
def test_every_key_of_the_code_changes_the_words(change):
    names = [f"u{u}" for u in range(10)]

    def drawn(*, null_words=3, seed=0, **kind):
        family = Family(**{"name": "random", "members": 8, "weight": 4} | kind)
        return codes.encode(names, family, null_words=null_words, seed=seed)[:2]

    base, found = drawn(), drawn(**change)
    assert all(np.array_equal(a, b) for a, b in zip(base, drawn(), strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(base, found, strict=True))


def test_seed_steps_and_scheduler_of_sampling_change_the_samples():
    config = unet.unet_config(shape=(1, 8, 8), widths=[8], layers_per_block=1, attention=False)
    members = [unet.build_unet(config, seed=seed).eval() for seed in range(2)]

    def drawn(*, seed=0, steps=3, samples=2, sampler="ddpm"):
        noise = draw_noise(steps=steps, samples=samples, shape=(1, 8, 8), seed=seed)
        options = {"keep": np.ones((1, 2), bool), "sampler": sampler, "device": torch.device("cpu")}
        return sample(members, noise=noise, **options)[0]

    base = drawn()
    for change in ({"seed": 1}, {"steps": 4}, {"sampler": "ddim"}, {"sampler": "dpmsolver++"}):
        assert not np.allclose(drawn(**change), base, atol=1e-3), change
    more = drawn(samples=3)
    assert np.array_equal(more[:2], base)
    assert len(more) == 3


def test_null_words_and_the_false_discovery_rate_decide_what_is_attributed(tmp_path):
    """Unit 0 pulls sample 0: with enough words its q is the smallest there is, 5 / (words + 1)."""
    rng = np.random.default_rng(0)
    family = Family("random", 10, 5)
    code, null, _ = codes.encode([f"u{u}" for u in range(5)], family, null_words=3, seed=0)
    arrays = {"code": code, "null_words": null, "unit_of": np.arange(5)}
    names = {"unit_names": np.array([f"u{u}" for u in range(5)])}
    kind = {"family": np.array("random"), "distance": np.array(2)}
    write_arrays(tmp_path / "code.npz", arrays | names | kind)
    pull = rng.normal(size=(2, 5, 10)).astype(np.float32)
    pull[0, 0] += 9 * code[0]
    write_tensors(tmp_path / "pulls.safetensors", {"pulls": pull})
    images = rng.integers(0, 256, (5, 4, 4, 1), dtype=np.uint8)
    own = ImageSet(images, np.zeros(5, np.int64), np.array(["a"]), np.array(list("abcde")))
    write_images(tmp_path / "data.npz", own)
    factual = rng.uniform(-1, 1, (2, 1, 4, 4)).astype(np.float32)
    write_tensors(tmp_path / "samples.safetensors", {"factual": factual})

    def attributed(**change):
        inputs = {name: tmp_path / f"{name}.{kind}" for name, kind in
                  (("pulls", "safetensors"), ("code", "npz"), ("data", "npz"), ("samples", "safetensors"))}  # fmt: skip
        outputs = {name: tmp_path / f"{name}.parquet" for name in ("contrast", "sets", "units")}
        measure_contrast(**inputs, **outputs, **{"null_words": 200, "attributed": 0.05} | change)
        return read_table(outputs["contrast"]).query("sample == 0 and unit == 0").iloc[0]

    base = attributed()
    assert (base["p_value"], base["attributed"]) == (pytest.approx(1 / 201), True)
    few = attributed(null_words=20)
    assert (few["p_value"], few["attributed"]) == (pytest.approx(1 / 21), False)
    assert not attributed(attributed=0.001)["attributed"]


def test_every_key_of_retraining_changes_the_controls():
    names = np.array([f"u{u}" for u in range(30)])
    nearest = np.stack([np.arange(30), np.arange(30)[::-1]])

    def chosen(**change):
        units, how = retrain.choose_controls(nearest, names, **{"count": 6, "seed": 1} | change)
        return list(zip(names[units].tolist(), how.tolist(), strict=True))

    base = chosen()
    assert chosen() == base
    assert chosen(count=8) != base
    assert chosen(named=["u9"])[-1] == ("u9", "named")
    random = [name for name, how in base if how == "random"]
    assert [name for name, how in chosen(seed=2) if how == "random"] != random


def test_share_seed_and_number_change_the_half():
    names = np.array([f"u{u}" for u in range(40)])

    def half(**change):
        return splits.random_half(names, **{"share": 0.5, "model": 0, "seed": 2} | change)

    assert np.array_equal(half(), half())
    for change in ({"seed": 3}, {"model": 1}):
        assert half(**change).sum() == 20
        assert not np.array_equal(half(**change), half())
    assert half(share=0.25).sum() == 10


class Network(torch.nn.Module):
    """One weight for each of 64 pixels: gradients in a moment."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.linspace(0.1, 1, 64).view(1, 1, 8, 8))

    def forward(self, x, level):
        return SimpleNamespace(sample=x * self.weight)


def test_every_key_of_the_rivals_changes_their_scores():
    rng = np.random.default_rng(0)
    images, samples = rng.uniform(-1, 1, (8, 1, 8, 8)), rng.uniform(-1, 1, (2, 1, 8, 8))
    names = [f"i{i}" for i in range(8)]

    def scored(*, levels=2, projection=16, common=False, seed=0, damping=0.1):
        found = gradients.network_gradients(
            Network(), images.astype(np.float32), samples.astype(np.float32), names,
            levels=gradients.spread_levels(levels), dimensions=projection, seed=seed,
            device=torch.device("cpu"), common=common,
        )  # fmt: skip
        scores = baselines.network_scores(found, np.arange(8), damping=np.array([damping]))
        return scores["trak"]

    base = scored()
    assert np.array_equal(scored(), base)
    for change in (
        {"levels": 3},
        {"projection": 32},
        {"common": True},
        {"seed": 1},
        {"damping": 1.0},
    ):
        assert not np.allclose(scored(**change), base, rtol=1e-3), change
    plain, worse = baselines.degraded_scores(base[0], names, shares=[0.25, 0.5], seed=0)
    assert not np.allclose(plain, worse)


def test_sizes_and_repeats_change_the_masks():
    def masks(*, kept=(4,), repeats=2, seed=0):
        sizes = keep.kept_sizes(members=12, weight=6, wanted=list(kept))
        return keep.sized_keep(members=12, sizes=sizes, repeats=repeats, seed=seed)

    counts = [pd.Series(each.sum(axis=1)).value_counts().to_dict() for each in
              (masks(), masks(kept=(4, 5)), masks(repeats=3))]  # fmt: skip
    assert counts[0] == {1: 2, 4: 2, 6: 2, 12: 1}
    assert counts[1] == counts[0] | {5: 2}
    assert counts[2] == {1: 3, 4: 3, 6: 3, 12: 1}
