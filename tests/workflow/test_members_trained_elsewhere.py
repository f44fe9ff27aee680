"""Members that were trained elsewhere, from exported splits to figures and certificates."""

import json
import shutil
import tomllib

import numpy as np
import pytest
import tiny_pipelines
import torch
import yaml
from encoded_ensembles.members import lora, network, prompted
from encoded_ensembles.storage.files import InputError, read_facts, write_facts
from safetensors.torch import load_file, save_file
from text_run import CAPTIONS, configure, prepare, run
from tiny_lora import kohya, trained, underscored
from workspace import Workspace

MEMBERS = ["00", "01", "02", "03", "04", "full"]
LORA = "pytorch_lora_weights.safetensors"


def write_members(folder):
    """Write a LoRA for each network, the first in kohya's layout, the others in that of diffusers."""
    for seed, name in enumerate(MEMBERS):
        changes = lora.lora_changes(trained("sd", seed=seed))
        for change in changes.values():  # B is the same for all seeds
            change.up.mul_(0.2 + 0.1 * seed)
        if name == "00":
            named = {
                key: tensor.contiguous() for key, tensor in kohya(changes, underscored).items()
            }
            save_file(named, folder / f"{name}.safetensors")
        else:
            lora.write_lora(changes, folder / name, denoiser=trained("sd"))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A workspace with the splits of a text-to-image run, exported to `splits`."""
    workspace = prepare(tmp_path_factory.mktemp("elsewhere"), "sd")
    workspace.run("splits", config="own.yaml")
    done = workspace.encens(
        "export-splits", "--run", "own", "--output", "splits", "--pictures", "pictures"
    )
    assert done.returncode == 0, done.stderr
    return workspace


@pytest.fixture(scope="module")
def taken(exported, tmp_path_factory):
    """The same run, finished with members that were trained elsewhere."""
    folder = shutil.copytree(
        exported.folder, tmp_path_factory.mktemp("taken") / "run", symlinks=True
    )
    workspace = Workspace.at(folder)
    (folder / "trained").mkdir()
    write_members(folder / "trained")
    shutil.copy(folder / "splits/splits.json", folder / "trained")
    configure(workspace, members={"given": "trained"})
    counts = run(workspace, "run.json")
    assert counts["take_member"] == 6
    left = workspace.snakemake("-n", config="own.yaml").stdout
    assert "plot_samples" in left
    for none in ("train_adapter", "encode_captions", "encode_pictures", "plot_loss"):
        assert none not in counts
        assert none not in left
    return workspace


def again(workspace, folder):
    return Workspace.at(shutil.copytree(workspace.folder, folder / "again", symlinks=True))


def test_a_folder_holds_the_pictures_and_captions_of_its_split(exported):
    code = np.load(exported.results("own") / "code/code.npz")
    names = code["unit_names"].tolist()
    for member in range(5):
        folder = exported.folder / f"splits/{member:02d}"
        seen = [name for name, saw in zip(names, code["code"][:, member], strict=True) if saw]
        assert sorted(path.name for path in folder.glob("*.png")) == seen
        lines = [json.loads(line) for line in (folder / "metadata.jsonl").read_text().splitlines()]
        assert [line["file_name"] for line in lines] == seen
        for line in lines:
            picture = folder / line["file_name"]
            assert picture.resolve() == exported.folder.resolve() / "pictures" / picture.name
            assert line["text"] == CAPTIONS[int(picture.stem) % len(CAPTIONS)]
            assert picture.with_suffix(".txt").read_text() == line["text"] + "\n"
    assert len(list((exported.folder / "splits/full").glob("*.png"))) == len(names)
    for name in MEMBERS:
        config = tomllib.loads((exported.folder / f"splits/{name}.toml").read_text())
        (data,) = config["datasets"]
        assert data == {"resolution": 16, "subsets": [{"image_dir": name, "num_repeats": 1}]}
        assert config["general"] == {"caption_extension": ".txt"}
    said = (exported.folder / "splits/README.txt").read_text()
    assert "for name in 00 01 02 03 04 full; do" in said
    assert "--network_train_unet_only --learning_rate 1e-4 --seed 0 --max_train_steps 1000" in said
    assert "{" not in said


def test_squares_are_written_where_no_folder_is_named(exported, tmp_path):
    done = exported.encens("export-splits", "--run", "own", "--output", tmp_path / "splits")
    assert done.returncode == 0, done.stderr
    pictures = sorted((tmp_path / "splits/00").glob("*.png"))
    assert pictures
    for picture in pictures:
        assert picture.read_bytes()
        assert picture.resolve().parent == tmp_path.resolve() / "splits/pictures"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--run", "none", "--output", "new"], "none holds no splits"),
        (["--run", "own", "--output", "pictures"], "which is not empty"),
        (["--run", "own", "--output", "new", "--pictures", "base"], "base holds no picture"),
    ],
)
def test_what_cannot_be_exported_is_said(exported, options, said):
    done = exported.encens("export-splits", *options)
    assert (done.returncode, said in done.stderr, "Traceback" in done.stderr) == (1, True, False), (
        done.stderr
    )
    assert not (exported.folder / "new").exists()


def test_splits_of_a_larger_ensemble_of_before_are_not_exported(exported, tmp_path):
    """Nothing deletes splits/05.json when code.members goes from 6 to 5."""
    other = again(exported, tmp_path)
    splits = other.results("own") / "splits"
    for ending in ("json", "sha256"):
        shutil.copy(splits / f"04.{ending}", splits / f"05.{ending}")
    options = ("export-splits", "--run", "own", "--output")
    done = other.encens(*options, "new")
    assert done.returncode == 0, done.stderr
    folders = sorted(path.name for path in (other.folder / "new").iterdir() if path.is_dir())
    assert folders == [*MEMBERS, "pictures"]
    assert [*json.loads((other.folder / "new/splits.json").read_text())["splits"]] == MEMBERS
    facts = read_facts(splits / "00.json")
    write_facts(splits / "00.json", facts | {"images": f"{facts['images']} 999"})  # of more images
    done = other.encens(*options, "newer")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "the split of member 00 names image 999" in done.stderr
    (splits / "00.json").unlink()
    assert "own holds no splits" in other.encens(*options, "newer").stderr


def test_a_member_predicts_as_the_file_it_was_given_as(taken):
    base = prompted.load_denoiser(taken.results("own") / "base")
    members = prompted.load_prompted(
        [taken.results("own") / "members" / name for name in MEMBERS],
        taken.results("own") / "base", taken.results("own") / "text/prompts.npz", guidance=None,
    )  # fmt: skip
    x, text = torch.randn(2, 4, 8, 8), torch.randn(2, 12, 32)
    for name, member in zip(MEMBERS, members, strict=True):
        pipe = tiny_pipelines.build("sd")
        if name == "00":
            pipe.load_lora_weights(taken.folder / "trained", weight_name="00.safetensors")
        else:
            pipe.load_lora_weights(taken.folder / "trained" / name)
        with torch.inference_mode():
            found = member.denoiser(x, 500, encoder_hidden_states=text).sample
            expected = pipe.unet(x, 500, encoder_hidden_states=text).sample
            plain = base(x, 500, encoder_hidden_states=text).sample
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
        assert (found - plain).abs().max() > 1e-4


def test_a_certificate_says_what_is_not_proved(taken, tmp_path):
    unit = np.load(taken.results("own") / "code/code.npz")["unit_names"][0]
    done = taken.encens("certify", "--run", "own", "--sample", 1, "--units", unit)
    assert done.returncode == 0, done.stderr
    (file,) = (taken.results("own") / "certificates").glob("*.json")
    elsewhere = json.loads(file.read_text())["predicate"]["trained_elsewhere"]
    assert "it is not proved" in elsewhere["claim"]
    assert {"00.safetensors"} in [
        set(files) for files in elsewhere["files"].values()
    ] or "00" not in elsewhere["files"]
    done = taken.encens("verify", file, "--resample")
    assert done.returncode == 0, done.stderr
    assert "as whoever trained them elsewhere states" in done.stdout
    assert "with the same bytes" in done.stdout
    other = again(taken, tmp_path)
    record = read_facts(other.results("own") / "run.json")
    record["config"]["sampling"]["guidance"] = 7.5
    write_facts(other.results("own") / "run.json", record)
    done = other.encens("verify", other.results("own") / "certificates" / file.name)
    assert done.returncode == 1
    assert "predicate.guidance is 3, but the files of the run give 7.5" in done.stderr


def test_a_renamed_key_is_refused_by_name(taken, tmp_path):
    other = again(taken, tmp_path)
    file = other.folder / "trained/00.safetensors"
    tensors = load_file(file)
    key = next(iter(tensors))
    tensors[key.replace("lora_unet_", "lora_unet_x")] = tensors.pop(key)
    save_file(tensors, file)
    done = other.snakemake("results/own/members/00/training.json", config="own.yaml")
    assert done.returncode != 0
    assert key.replace("lora_unet_", "lora_unet_x").split(".")[0] in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("notes", "said"),
    [
        ({"ss_dataset_dirs": '{"01": {"n_repeats": 1, "img_count": 3}}'}, "on the folder 01, expected 00"),
        ({"ss_dataset_dirs": '{"00": {"n_repeats": 1, "img_count": 5}}'}, "on 5 pictures, expected the 3"),
        ({"ss_clip_skip": "2"}, "was trained with clip_skip 2, expected none"),
        ({"ss_dataset_dirs": "00"}, "in another form than kohya's trainers write"),
        ({"ss_clip_skip": "None", "ss_dataset_dirs": '{"00": {"img_count": 3}, "00 (2)": {"img_count": 3}}'}, None),
    ],
)  # fmt: skip
def test_what_kohyas_trainers_note_is_compared(taken, tmp_path, notes, said):
    other = again(taken, tmp_path)
    file = other.folder / "trained/00.safetensors"
    save_file(load_file(file), file, metadata=notes)
    done = other.encens(
        "take-member", "--given", "trained", "--member", "00", "--output", "taken",
        "--manifest", "results/own/splits/00.json", "--digest", "results/own/splits/00.sha256",
        "--noise", "results/own/noise/landscape.safetensors", "--base", "results/own/base",
    )  # fmt: skip
    assert done.returncode == (1 if said else 0), done.stderr
    assert said is None or said in done.stderr


def test_members_of_different_ranks_are_refused(taken, tmp_path):
    other = again(taken, tmp_path)
    changes = lora.lora_changes(trained("sd", rank=1))
    lora.write_lora(changes, other.folder / "trained/01", denoiser=trained("sd"))
    done = other.snakemake("results/own/samples/ensemble.safetensors", config="own.yaml")
    assert done.returncode != 0
    assert "members/01 changes other layers than results/own/members/00" in done.stderr


def test_a_member_of_another_split_is_refused(taken, tmp_path):
    other = again(taken, tmp_path)
    (other.folder / "pictures/03.txt").write_text("new words")
    words = np.load(other.results("own") / "code/code.npz")
    member = int(words["code"][words["unit_names"].tolist().index("03.png")].argmax())
    done = other.snakemake(f"results/own/members/{member:02d}/training.json", config="own.yaml")
    assert done.returncode != 0
    assert "was trained for another split than it has in this run" in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda folder: (folder / "splits.json").unlink(), "holds no splits.json"),
        (
            lambda folder: (folder / "00.safetensors").unlink(),
            "holds neither 00.safetensors nor a folder 00",
        ),
        (
            lambda folder: shutil.copytree(folder / "01", folder / "02", dirs_exist_ok=True),
            "is a copy of trained/01",
        ),
        (
            lambda folder: [
                shutil.move(folder / "01" / LORA, folder / "01/a.safetensors"),
                shutil.copy(folder / "01/a.safetensors", folder / "01/b.safetensors"),
            ],
            "holds a.safetensors and b.safetensors, expected one LoRA",
        ),
    ],
)
def test_a_folder_that_is_not_complete_is_refused_at_once(taken, tmp_path, change, said):
    other = again(taken, tmp_path)
    change(other.folder / "trained")
    done = other.snakemake("-n", config="own.yaml")
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_whole_denoisers_are_taken(exported, tmp_path):
    other = again(exported, tmp_path)
    (other.folder / "trained").mkdir()
    base = prompted.load_denoiser(taken_base(other))
    for seed, name in enumerate(MEMBERS):
        with torch.no_grad():
            for weight in base.parameters():
                weight.add_(1e-3 * seed)
        base.save_pretrained(other.folder / "trained" / name)
    shutil.copy(other.folder / "splits/splits.json", other.folder / "trained")
    configure(other, members={"given": "trained", "whole": True})
    earlier = other.results("own") / "members/00"
    earlier.mkdir(parents=True)
    for name in (LORA, "adapter.json", "loss.csv"):  # of a member of another kind
        (earlier / name).touch()
    counts = run(other, "samples/ensemble.safetensors")
    assert {file.name for file in earlier.iterdir()} == {
        "config.json", "diffusion_pytorch_model.safetensors", "training.json"
    }  # fmt: skip
    assert counts["take_member"] == 6
    found = load_file(other.results("own") / "samples/ensemble.safetensors")["factual"]
    assert torch.isfinite(found).all()
    config = other.folder / "trained/02/config.json"
    config.write_text(config.read_text().replace('"norm_num_groups": 4', '"norm_num_groups": 2'))
    done = other.snakemake("results/own/members/02/training.json", config="own.yaml")
    assert done.returncode != 0
    assert "has norm_num_groups 2, expected 4" in done.stderr + done.stdout


def taken_base(workspace):
    return workspace.results("own") / "base"


def test_whole_networks_of_pixels_are_taken(rerun):
    folder = rerun.folder
    done = rerun.encens("export-splits", "--run", "toy", "--output", "splits")
    assert done.returncode == 0, done.stderr
    shutil.rmtree(rerun.results() / "members")
    toy = yaml.safe_load((folder / "toy.yaml").read_text())
    shape = {"widths": [8, 8], "layers_per_block": 1, "attention": False, "norm_groups": 4}
    members = toy["code"]["members"]
    for seed, name in enumerate([*(f"{m:02d}" for m in range(members)), "full"]):
        unet = network.build_unet(network.unet_config(shape=(1, 8, 8), **shape), seed=seed)
        unet.save_pretrained(folder / "trained" / name)
    shutil.copy(folder / "splits/splits.json", folder / "trained")
    toy["members"] = {"given": "trained"}
    (folder / "toy.yaml").write_text(yaml.safe_dump(toy))
    counts = rerun.run("results/toy/samples/ensemble.safetensors")
    assert counts["take_member"] == members + 1
    wrong = network.build_unet(network.unet_config(shape=(3, 8, 8), **shape), seed=0)
    wrong.save_pretrained(folder / "trained/01")
    done = rerun.snakemake("results/toy/members/01/training.json")
    assert done.returncode != 0
    assert "the noise is for (1, 8, 8)" in done.stderr + done.stdout


def test_an_exported_ensemble_draws_what_the_run_drew(taken, tmp_path, monkeypatch):
    """To the byte: the factual samples with its noise and prompts, and the counterfactual without a unit."""
    from encoded_ensembles import TextEnsemble

    done = taken.encens("export-pipeline", "--run", "own", "--output", tmp_path / "ensemble")
    assert done.returncode == 0, done.stderr
    run_folder = taken.results("own")
    noise = load_file(run_folder / "noise/landscape.safetensors")["noise"].numpy()
    factual = load_file(run_folder / "samples/ensemble.safetensors")["factual"]
    block = load_file(run_folder / "landscape/1-of-1.safetensors")
    monkeypatch.chdir(taken.folder)  # the base is named relative to it
    pipe = TextEnsemble.from_pretrained(tmp_path / "ensemble", device="cpu")
    prompts = ["a cat", "big dog", "a cat"]
    drawn = pipe(prompts, noise=noise, output_type="latent").images
    assert torch.equal(drawn, factual)
    unit = int(block["units"][3])
    drawn = pipe(prompts, noise=noise, without=[pipe.unit_names[unit]], output_type="latent").images
    assert torch.equal(drawn, block["counterfactuals"][3])
    one = pipe("a cat", seed=4, num_inference_steps=2).images
    several = pipe(["a cat", "red"], seed=4, num_inference_steps=2, output_type="np").images
    assert np.array_equal(np.asarray(one[0]), (several[0] * 255).round().astype(np.uint8))
    for options, said in (
        ({"without": "a"}, "expected a list of unit names"),
        ({"without": ["none.png"]}, "none.png"),
        ({"noise": noise}, "noise has shape"),
        ({"without": pipe.unit_names}, "every member saw one of"),
    ):
        with pytest.raises(InputError, match=said):
            pipe("a cat", **options)
    moves = []
    encoder = pipe.encoders.encoders[0]
    monkeypatch.setattr(encoder, "to", lambda device: moves.append(str(device)))
    pipe.encoders.device = torch.device("cpu", 0)  # another name, to be seen in the moves
    with pytest.raises(InputError, match="too long"):
        pipe("abcdefghijklmnop")
    pipe.facts["cut"] = True  # as in a run that cut its own prompts
    cut, first = (
        pipe(prompt, num_inference_steps=1, output_type="np").images
        for prompt in ("abcdefghijklmnop", "abcdefghijponmlk")
    )
    assert np.array_equal(cut, first)
    # Two pictures: negative prompt, prompt, no prompt; of the one refused the negative prompt.
    assert moves == 7 * ["cpu:0", "cpu"]
    tiny_pipelines.write("sd", tmp_path / "other", seed=1)
    with pytest.raises(InputError, match="than the base of the members"):
        TextEnsemble.from_pretrained(tmp_path / "ensemble", base=tmp_path / "other")
    with pytest.raises(InputError, match="holds no ensemble"):
        TextEnsemble.from_pretrained(tmp_path / "other")
