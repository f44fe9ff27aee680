"""Presets: the jobs they ask for, and their smoke versions from data to figures."""

import re
import shutil

import miniatures
import pytest
import tiny_pipelines
import yaml
from encoded_ensembles.codes import encode
from encoded_ensembles.codes.families import Family
from encoded_ensembles.config.check import check_config
from encoded_ensembles.members.network import build_unet, save_network, unet_config
from encoded_ensembles.runs import layout
from small_run import write_autoencoder
from workspace import REPOSITORY

PRESETS = sorted((REPOSITORY / "presets").glob("*.yaml"))
NAMES = [each.stem for each in PRESETS]
PAPERS = [name for name in NAMES if name.startswith(("paper", "successor"))]


LONGEST = 16_000  # bytes of a shell line


def planned(workspace, preset, *config):
    """Return how many jobs of each rule a dry run plans; none has a long shell line (issue 14.9)."""
    chosen = ["--config", *config] if config else []
    done = workspace.snakemake("-n", "--printshellcmds", *chosen, config=f"presets/{preset}.yaml")
    assert done.returncode == 0, done.stderr
    lines = re.findall(r"^ +encens .+?^ *$", done.stdout, re.MULTILINE | re.DOTALL)
    assert len(lines) > 40
    assert max(map(len, lines)) < LONGEST
    table = (done.stdout + done.stderr).split("Job stats:")[1].split("total")[0]
    return {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}


def expected(config):
    """Return how many jobs a configuration asks for, of the rules that it decides on."""
    members = config["code"]["members"] + 1
    return {
        "fetch_dataset": 1,
        "train_adapter" if layout.prompted(config) else "train_member": members
        + len(layout.retrained(config)),
        "split_members": 1,
        "ablate_block": config["landscape"]["blocks"],
        "project_gradients": members if config["rivals"]["gradients"] else 0,
        "all": 1,
    }


@pytest.fixture
def presets(workspace):
    shutil.copytree(REPOSITORY / "presets", workspace.folder / "presets")
    return workspace


def give(workspace, preset, written):
    """Put what a preset is given by its user where it is looked for; return what to configure."""
    model, given = written.get("model", {}), workspace.folder / "given"
    if preset == "pictures":
        miniatures.write_pictures(workspace.folder / written["dataset"]["path"])
    if written.get("sampling", {}).get("prompts"):
        if written["dataset"]["name"] == "folder":
            pictures = workspace.folder / written["dataset"]["path"]
            miniatures.write_pictures(pictures)
            for file in list(pictures.iterdir()):
                file.with_suffix(".txt").write_text("a thing")
        kinds = {"sd15-lora": "sd", "openmoji": "sd"}
        tiny_pipelines.write(kinds.get(preset, preset.split("-")[0]), given)
        prompts = "[a b, c]"  # the tiny tokenizers know letters
        return ["model={base: given}", "dataset={size: 16}", f"sampling={{prompts: {prompts}}}"]
    if preset == "lora":
        options = {"widths": [8, 8], "layers_per_block": 1, "attention": True}
        save_network(build_unet(unet_config(shape=(1, 8, 8), **options), seed=0), given)
        return ["model={base: given}"]
    if model.get("autoencoder"):  # one that is trained, or on the hub: a tiny one of its shape
        colour = preset != "latents"
        widths = (8,) * (4 if colour else 3)
        write_autoencoder(given, channels=3 if colour else 1, latents=4, widths=widths)
        return ["model={autoencoder: given}"]
    return []


def check_jobs(workspace, schema, preset, *, smoke):
    written = yaml.safe_load((REPOSITORY / f"presets/{preset}.yaml").read_text())
    config = check_config(written | {"smoke": smoke}, schema)
    given = give(workspace, preset, written)
    jobs = planned(workspace, preset, *given, *(["smoke=true"] if smoke else []))
    assert {name: jobs.get(name, 0) for name in expected(config)} == expected(config)
    return jobs


def test_jobs_of_the_artists(presets, schema):
    jobs = check_jobs(presets, schema, "artists", smoke=False)
    assert sum(jobs.values()) == 83
    assert sum(check_jobs(presets, schema, "artists", smoke=True).values()) == 53


@pytest.mark.slow
@pytest.mark.parametrize("smoke", [False, True])
@pytest.mark.parametrize("preset", [name for name in NAMES if name != "artists"])
def test_jobs(presets, schema, preset, smoke):
    check_jobs(presets, schema, preset, smoke=smoke)


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["paper-mnist", "paper-cifar10"])
def test_shell_lines_of_ten_thousand_blocks_and_a_long_name(presets, preset):
    """Issue 14.9: a line holds a pattern, whatever the landscape; 131,072 bytes would end a job."""
    name = "a-run-of-a-rather-long-name-as-somebody-may-well-choose-it-6"
    assert len(name) == 60
    jobs = planned(presets, preset, f"run={name}", "landscape={blocks: 10000}")
    assert jobs["ablate_block"] == 10_000


@pytest.mark.parametrize("count", [4, 8])
def test_members_of_a_smoke_run_see_two_units_at_least(schema, count):
    code = check_config({"smoke": True}, schema)["code"]
    family = Family(code["family"], code["members"], code["weight"], code["distance"])
    for seed in range(20):
        names = [f"unit {seed}.{number}" for number in range(count)]
        matrix, null, _ = encode.encode(names, family, null_words=code["null_words"], seed=seed)
        assert matrix.sum(axis=0).min() >= 2
        assert len(null) == code["null_words"]


def test_smoke_changes_the_size_and_not_the_network(schema):
    for preset in PRESETS:
        written = yaml.safe_load(preset.read_text())
        small = check_config(written | {"smoke": "true"}, schema)
        whole = check_config(written, schema)
        assert small["run"] == f"{whole['run']}-smoke"
        assert small["model"] == whole["model"]
        assert small["training"]["epochs"] * small["training"]["steps_per_epoch"] == 2
        images, dataset = small["dataset"]["images"], small["dataset"]
        assert images == 8 or (images, dataset["labels"], dataset["per_label"]) == (None, 4, 2)
        assert check_config(small, schema) == small  # as its config.yaml is used again


def smoke(workspace, serve, preset, *config):
    """Run the smoke version of a preset on a miniature of its data, fetched as the real one is."""
    written = yaml.safe_load((REPOSITORY / f"presets/{preset}.yaml").read_text())
    name = written.get("dataset", {}).get("name", "digits")
    given = [*give(workspace, preset, written), *config]
    folder = workspace.folder / "published"
    folder.mkdir()
    digests = miniatures.WRITERS[name](folder) if name in miniatures.WRITERS else []
    for (
        module,
        old,
        new,
    ) in digests:  # this copy of the program takes the miniature for the real one
        file = workspace.folder / "workflow/encoded_ensembles" / module
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))
    if name in miniatures.WRITERS:
        where = f"mirror: {serve(folder)}" if name in miniatures.SERVED else f"path: {folder}"
        given.append(f"dataset={{{where}}}")
    done = workspace.snakemake("--config", "smoke=true", *given, config=f"presets/{preset}.yaml")
    assert done.returncode == 0, done.stderr
    return workspace.results(f"{written['run']}-smoke")


def check_run(run, read_json):
    facts = read_json(run / "data/dataset.json")
    assert facts["images"]["training"] == 8
    assert (run / "run.json").is_file()
    assert len(list((run / "figures").glob("*.pdf"))) >= 11


@pytest.mark.slow
@pytest.mark.parametrize("preset", NAMES)
def test_smoke(presets, serve, read_json, preset):
    run = smoke(presets, serve, preset)
    check_run(run, read_json)
    if preset in PAPERS:
        network = read_json(run / "members/00/config.json")
        widths = {"paper-mnist": [128, 256, 256], "paper-cifar10": [128, 256, 256, 256]}
        assert network["block_out_channels"] == widths.get(preset, [128, 256, 512, 512])
        assert network["attention_head_dim"] == 8


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["paper-mnist", "successor-artbench", "successor-celeba"])
def test_smoke_with_a_narrow_network(presets, serve, read_json, preset):
    """From download to figures, at a cost that CI can bear for each kind of data."""
    narrow = "model={widths: [8, 8, 8], norm_groups: 8, layers_per_block: 1}"
    check_run(smoke(presets, serve, preset, narrow), read_json)
