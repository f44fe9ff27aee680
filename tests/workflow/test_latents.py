"""The laws of latent ensembles: of the units that members are trained on, not of the autoencoder's."""

import json
import os
import shutil

import huggingface_hub
import numpy as np
import pytest
import torch
import yaml
from encoded_ensembles.commands.ablate_block import ablate_block
from encoded_ensembles.commands.draw_noise import draw_noise
from encoded_ensembles.commands.fetch_autoencoder import fetch_autoencoder
from encoded_ensembles.commands.train_member import train_member
from encoded_ensembles.members import names as names_
from encoded_ensembles.members import network
from encoded_ensembles.runs import rates
from encoded_ensembles.runs.run import Run
from encoded_ensembles.sharing import certificates
from encoded_ensembles.storage.files import (
    InputError,
    read_arrays,
    read_facts,
    read_tensors,
    write_facts,
)
from safetensors.numpy import load_file, save_file
from small_run import (
    HOW,
    MEMBERS,
    UNITS,
    check_altered_is_refused,
    check_certificate_binds,
    digests,
    make,
    member_folders,
    pictures,
    write_autoencoder,
)
from workspace import Workspace

FILES = names_.member_files(adapter=False)
SAID = {
    "other": "a VQModel, expected a AutoencoderKL",
    "pickled": "does not hold a AutoencoderKL of diffusers in safetensors",
    "nowhere": "which is not an existing folder and could not be loaded from the Hugging Face Hub",
    "list": r"config\.json holds a list, expected keys and values",
    "parts": "whose weights are in several files, expected one",
    "lacking": r"does not hold the weights of its configuration: decoder\.conv_out\.bias",
}


@pytest.fixture(scope="module")
def autoencoder(tmp_path_factory):
    """The folder of an autoencoder, as diffusers writes it."""
    folder = tmp_path_factory.mktemp("autoencoder")
    write_autoencoder(folder / "sealed").save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory, autoencoder):
    folder = tmp_path_factory.mktemp("made")
    return make(folder, pictures(16), autoencoder=autoencoder, how=HOW)


@pytest.fixture
def copy(made, tmp_path):
    return shutil.copytree(made, tmp_path / "copy")


def test_a_counterfactual_does_not_know_what_its_unit_was(made, autoencoder, tmp_path):
    images = pictures(16)
    images[2] = 255 - images[2]
    other = make(tmp_path, images, autoencoder=autoencoder, how=HOW)
    code = read_arrays(made / "code/code.npz")["code"]
    names = [f"members/{member:02d}/{FILES[1]}" for member in range(MEMBERS)]
    changed = [a != b for a, b in zip(digests(made, names), digests(other, names), strict=True)]
    assert changed == code[2].tolist()
    before, after = (
        load_file(folder / "landscape.safetensors")["counterfactuals"] for folder in (made, other)
    )
    assert before.shape == (UNITS, 2, 1, 16, 16)
    same = [np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
    assert same == [unit == 2 for unit in range(UNITS)]


def test_members_see_latents_and_say_of_which_autoencoder(made, read_json):
    bound = dict(zip(FILES, digests(made / "autoencoder", FILES), strict=True))
    assert read_facts(made / "autoencoder/autoencoder.json") == {"sha256": bound}
    config = read_json(made / "members/00/config.json")
    assert (config["in_channels"], config["sample_size"]) == (2, [8, 8])
    assert read_json(made / "members/00/training.json")["autoencoder"] == bound


def test_a_certificate_binds_the_autoencoder(copy, read_json):
    predicate = check_certificate_binds(copy, "autoencoder")
    assert "base" not in predicate


@pytest.mark.parametrize("name", FILES)
def test_an_altered_autoencoder_is_refused(copy, name):
    check_altered_is_refused(copy, "autoencoder", name)


def test_a_run_of_pixels_does_not_take_a_member_of_latents(copy):
    record = read_facts(copy / "run.json")
    record["config"]["model"]["autoencoder"] = None
    write_facts(copy / "run.json", record)
    with pytest.raises(InputError, match="expected none, the files of the run"):
        certificates.statement(Run(copy), sample=0, units=["digits/0"], subjects=[])


def test_a_pipeline_holds_the_autoencoder(copy, tmp_path):
    from diffusers import DiffusionPipeline
    from encoded_ensembles.commands import export_pipeline as pipeline_command
    from encoded_ensembles.sharing.pipeline import EncodedEnsemblePipeline

    record = read_facts(copy / "run.json")
    record["config"]["sampling"]["steps"] = 3
    write_facts(copy / "run.json", record)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline_command, "_about", lambda run: {})  # of a run of verbs, no scores
        pipeline_command.export_pipeline(copy, tmp_path / "pipe")
    assert "latents of an autoencoder" in (tmp_path / "pipe/README.md").read_text()
    assert "_name_or_path" not in (tmp_path / "pipe/vae/config.json").read_text()
    with pytest.raises(Exception, match="expected None or float32"):  # of the folder's own code
        DiffusionPipeline.from_pretrained(
            tmp_path / "pipe", trust_remote_code=True, torch_dtype=torch.bfloat16
        )
    noise = read_tensors(copy / "noise/landscape.safetensors")["noise"]
    block = read_tensors(copy / "landscape.safetensors")["counterfactuals"]
    for pipe in (
        EncodedEnsemblePipeline.from_pretrained(tmp_path / "pipe"),
        DiffusionPipeline.from_pretrained(tmp_path / "pipe", trust_remote_code=True),
    ):
        found = pipe(noise=noise, without=["digits/3"], output_type="latent").images
        assert np.array_equal(np.asarray(found), block[3])


@pytest.mark.parametrize("part", ["autoencoder", "members/00"])
def test_weights_are_of_the_bound_file_whatever_else_lies_beside_it(copy, part):
    """Diffusers would take the parts that an index names."""
    folder = copy / part
    kind = "AutoencoderKL" if part == "autoencoder" else "UNet2DModel"
    before = network.load_network(folder, device="cpu", kind=kind).state_dict()
    weights = load_file(folder / FILES[1])
    save_file({name: each + 1 for name, each in weights.items()}, folder / "other.safetensors")
    index = {"metadata": {}, "weight_map": dict.fromkeys(weights, "other.safetensors")}
    (folder / f"{FILES[1]}.index.json").write_text(json.dumps(index))
    after = network.load_network(folder, device="cpu", kind=kind).state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_noise_of_another_shape_is_refused(made, tmp_path):
    draw_noise(made / "data/training.npz", tmp_path / "noise.safetensors", samples=2, steps=3)
    with pytest.raises(InputError, match=r"noise is for \(1, 16, 16\) .* expected \(2, 8, 8\)"):
        ablate_block(
            member_folders(made), made / "code/code.npz", tmp_path / "noise.safetensors", "1-of-1",
            tmp_path / "block.safetensors", autoencoder=made / "autoencoder", device="cpu",
        )  # fmt: skip


@pytest.mark.parametrize("told", ["nothing", "another"])
def test_members_are_sampled_with_the_autoencoder_that_they_were_trained_on(made, tmp_path, told):
    write_autoencoder(tmp_path / "another", seed=1)
    autoencoder = {"nothing": None, "another": tmp_path / "another"}[told]
    with pytest.raises(InputError, match="was not trained on"):
        ablate_block(
            member_folders(made), made / "code/code.npz", made / "noise/landscape.safetensors",
            "1-of-1", tmp_path / "block.safetensors", autoencoder=autoencoder, device="cpu",
        )  # fmt: skip


@pytest.mark.parametrize("spoiled", ["other", "pickled", "nowhere", "list", "parts", "lacking"])
def test_what_is_no_autoencoder_is_refused(autoencoder, tmp_path, monkeypatch, spoiled):
    monkeypatch.setattr(
        huggingface_hub.constants, "HF_HUB_OFFLINE", True
    )  # the variable is read once
    folder = shutil.copytree(autoencoder, tmp_path / "given")
    if spoiled == "other":
        facts = json.loads((folder / "config.json").read_text()) | {"_class_name": "VQModel"}
        (folder / "config.json").write_text(json.dumps(facts))
    if spoiled == "pickled":
        (folder / FILES[1]).rename(folder / "diffusion_pytorch_model.bin")
    if spoiled == "list":
        (folder / "config.json").write_text("[]")
    if spoiled == "parts":
        (folder / f"{FILES[1]}.index.json").write_text("{}")
    if spoiled == "lacking":
        weights = load_file(folder / FILES[1])
        del weights["decoder.conv_out.bias"]
        save_file(weights, folder / FILES[1], metadata={"format": "pt"})
    name = "no-one/nothing" if spoiled == "nowhere" else str(folder)
    with pytest.raises(InputError, match=SAID[spoiled]):
        fetch_autoencoder(name, tmp_path / "out", tmp_path / "out/autoencoder.json")
    assert not (tmp_path / "out/autoencoder.json").exists()


def test_images_of_other_channels_are_refused_before_training(made, tmp_path):
    write_autoencoder(tmp_path / "colour", channels=3)
    with pytest.raises(
        InputError, match=r"for images of 3 channels, .* set dataset\.channels to 3"
    ):
        train_member(
            made / "data/training.npz", made / "splits/00.json", tmp_path / "out",
            autoencoder=tmp_path / "colour", **HOW,
        )  # fmt: skip


def test_a_plan_counts_encoding_and_decoding(autoencoder, schema, monkeypatch):
    from encoded_ensembles.config.check import check_config

    monkeypatch.setattr(rates, "_start", lambda program: 1.0)
    config = check_config({"model": {"autoencoder": str(autoencoder)}}, schema)
    found, networks = rates.measure(
        model=config["model"], training=config["training"], shape=(1, 16, 16), device="cpu"
    )
    assert networks.seen == (2, 8, 8)
    whole = network.read_network(autoencoder, kind="AutoencoderKL").num_parameters()
    assert networks.frozen == {"autoencoder": whole}
    assert min(found.encode, found.decode) > 0


LATENTS = {
    "model": {"autoencoder": "autoencoder", "widths": [8, 8]},
    "retrain": {"units": 1, "fresh": 1},
    "heldout": {"models": 2},
    "rivals": {"gradients": True},
}


@pytest.fixture
def work(tmp_path, autoencoder):
    (tmp_path / "work").mkdir()
    workspace = Workspace(tmp_path / "work")
    shutil.copytree(autoencoder, workspace.folder / "autoencoder")
    toy = yaml.safe_load((workspace.folder / "toy.yaml").read_text())
    toy["dataset"] |= {"size": 16}
    (workspace.folder / "latents.yaml").write_text(yaml.safe_dump(toy | LATENTS))
    return workspace


def test_every_rule_that_needs_the_autoencoder_is_told_of_it(work):
    done = work.snakemake("--dry-run", "--printshellcmds", config="latents.yaml")
    assert done.returncode == 0, done.stderr
    lines = [each for each in done.stdout.split("encens ") if "--autoencoder" in each]
    assert {each.split()[0] for each in lines} == {
        "fetch-autoencoder", "train-member", "draw-noise",
        "sample-ensemble", "ablate-block", "follow-members", "follow-queries", "sample-frechet", "sample-controls",
        "measure-heldout", "project-gradients",
    }  # fmt: skip


@pytest.mark.parametrize("folder", ["autoencoder", "results/autoencoder"])
def test_an_autoencoder_that_is_not_there_stops_at_once(work, folder):
    """Also where its name might be one on the hub, if a folder here begins like it."""
    (work.folder / "results").mkdir()
    shutil.rmtree(work.folder / "autoencoder")
    named = f"model={{autoencoder: {folder}}}"
    done = work.snakemake("-n", "--config", named, config="latents.yaml")
    assert done.returncode == 1
    assert f"config key model.autoencoder is {folder}/config.json, expected a file" in done.stderr


@pytest.mark.slow
def test_a_whole_run_and_a_changed_autoencoder(work):
    """From data to figures; a touched autoencoder changes nothing, another one all members."""
    done = work.run(config="latents.yaml")
    members = len(list(work.results().glob("members/[0-9]*")))
    assert done["train_member"] == members + 1
    assert len(list(work.results().glob("figures/*.pdf"))) >= 12
    for name in FILES:
        (work.folder / "autoencoder" / name).touch()
    block = "results/toy/landscape/1-of-2.safetensors"
    assert "train_member" not in work.run(block, config="latents.yaml")
    write_autoencoder(work.folder / "autoencoder", latents=4, seed=1)
    for name in FILES:  # older than the one before, as a copy may be
        os.utime(work.folder / "autoencoder" / name, (1e9, 1e9))
    counts = work.run(block, config="latents.yaml")
    assert (counts["train_member"], counts["ablate_block"]) == (members, 1)
    assert counts["draw_noise"] == 1
