"""The laws of fine-tuning ensembles: of the units that adapters are trained on, not of the base's."""

import json
import shutil

import huggingface_hub
import numpy as np
import pytest
import torch
import yaml
from encoded_ensembles.commands import fetch_base as frozen_command
from encoded_ensembles.commands.train_member import train_member
from encoded_ensembles.commands.train_members import train_members
from encoded_ensembles.data import catalogue, selection
from encoded_ensembles.ensemble.diffusion import make_scheduler
from encoded_ensembles.members import load, names
from encoded_ensembles.members import network as unet
from encoded_ensembles.runs import rates
from encoded_ensembles.runs.run import Run
from encoded_ensembles.sharing import certificates
from encoded_ensembles.sharing.component import Members
from encoded_ensembles.sharing.pipeline import EncodedEnsemblePipeline
from encoded_ensembles.storage.files import (
    InputError,
    read_arrays,
    read_facts,
    read_tensors,
    write_facts,
)
from safetensors.numpy import load_file
from small_run import (
    MEMBERS,
    UNITS,
    check_altered_is_refused,
    check_certificate_binds,
    digests,
    make,
    member_folders,
    pictures,
)
from workspace import REPOSITORY, Workspace

FILES = names.member_files(adapter=True)
WHOLE = names.member_files(adapter=False)
HOW = {
    "widths": "8", "layers_per_block": 1, "epochs": 2, "steps_per_epoch": 2, "learning_rate": 1e-2,
    "ema": 0.5, "rank": 2, "alpha": 2.0, "target": ["to_q", "conv1"], "device": "cpu",
}  # fmt: skip


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """The folder of a network to take as a base."""
    config = unet.unet_config(shape=(1, 8, 8), widths=[8, 8], layers_per_block=1, attention=True)
    folder = tmp_path_factory.mktemp("network")
    unet.save_network(unet.build_unet(config, seed=1), folder)
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory, network):
    return make(tmp_path_factory.mktemp("made"), pictures(), base=network, how=HOW)


@pytest.fixture
def copy(made, tmp_path):
    return shutil.copytree(made, tmp_path / "copy")


def adapters(folder):
    return digests(folder, [f"members/{m:02d}/{FILES[1]}" for m in range(MEMBERS)])


def test_a_counterfactual_does_not_know_what_its_unit_was(made, network, tmp_path):
    images = pictures()
    images[2] = 255 - images[2]
    other = make(tmp_path / "other", images, base=network, how=HOW)
    code = read_arrays(made / "code/code.npz")["code"]
    assert np.array_equal(code, read_arrays(other / "code/code.npz")["code"])
    changed = [a != b for a, b in zip(adapters(made), adapters(other), strict=True)]
    assert changed == code[2].tolist()
    before, after = (
        load_file(folder / "landscape.safetensors")["counterfactuals"] for folder in (made, other)
    )
    same = [np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
    assert same == [unit == 2 for unit in range(UNITS)]


def test_the_base_is_kept_byte_for_byte_and_no_member_holds_it(made, network, read_json):
    assert digests(made / "base", WHOLE) == digests(network, WHOLE)
    expected = dict(zip(WHOLE, digests(network, WHOLE), strict=True))
    assert read_facts(made / "base/base.json") == {"sha256": expected}
    for member in range(MEMBERS):
        folder = made / f"members/{member:02d}"
        assert sorted(file.name for file in folder.iterdir()) == sorted(
            [*FILES, "loss.csv", "training.json"]
        )
        facts = read_json(folder / "training.json")
        assert facts["base"] == expected
        assert facts["lora"] == {"rank": 2, "alpha": 2.0, "targets": ["conv1", "to_q"]}
        assert read_json(folder / FILES[0])["base_model_name_or_path"] == "../../base"
        assert all(".lora_" in name for name in load_file(folder / FILES[1]))


def test_a_base_that_diffusers_wrote_is_sealed_and_stays_what_it_is(network, tmp_path):
    plain = load.load_unet(network, device=torch.device("cpu"))
    plain.save_pretrained(tmp_path / "plain")
    for copy in ("one", "two"):
        folder = tmp_path / copy
        frozen_command.fetch_base(str(tmp_path / "plain"), folder, folder / "base.json")
    assert digests(tmp_path / "one", WHOLE) == digests(tmp_path / "two", WHOLE)
    ours = load.load_unet(tmp_path / "one", device=torch.device("cpu"))
    assert ours.config.keys() == plain.config.keys()
    for name, weights in plain.state_dict().items():
        assert torch.equal(ours.state_dict()[name], weights)


def test_plain_diffusers_and_peft_load_a_member(made):
    from diffusers import UNet2DModel
    from peft import PeftModel

    base = UNet2DModel.from_pretrained(made / "base", use_safetensors=True)
    theirs = PeftModel.from_pretrained(base, made / "members/01").eval()
    ours = load.load_unet(made / "members/01", device=torch.device("cpu"))
    x = torch.linspace(-1, 1, 128).view(2, 1, 8, 8)
    with torch.no_grad():
        assert torch.allclose(theirs(x, 30).sample, ours(x, 30).sample, atol=1e-5)


def test_retrained_without_a_unit_only_that_unit_is_missing(made, tmp_path):
    """Without leaving a unit out, the member comes out the same; the base is found from its folder."""
    folder = made / "retrain/fresh/member/01"
    train_member(
        made / "data/training.npz", made / "splits/01.json", folder, base=made / "base", **HOW
    )
    again, before = load_file(folder / FILES[1]), load_file(made / "members/01" / FILES[1])
    assert again.keys() == before.keys()
    assert all(np.array_equal(again[name], before[name]) for name in before)
    load.load_unet(folder, device=torch.device("cpu"))


def test_adapters_trained_in_one_job_have_the_bytes_of_jobs_of_their_own(copy):
    manifests = [copy / f"splits/{member:02d}.json" for member in range(MEMBERS)]
    train_members(
        manifests, data=copy / "data/training.npz", output=copy / "together",
        checkpoints=copy / "checkpoints", base=copy / "base", **HOW,
    )  # fmt: skip
    for member in range(MEMBERS):
        for name in (*FILES, "training.json"):
            ours, theirs = (
                copy / each / f"{member:02d}/{name}" for each in ("together", "members")
            )
            assert ours.read_bytes() == theirs.read_bytes(), name


def test_a_member_of_the_other_kind_leaves_nothing_behind(copy):
    arguments = (copy / "data/training.npz", copy / "splits/01.json", copy / "members/01")
    train_member(*arguments, **HOW)
    assert not any((copy / "members/01" / name).exists() for name in FILES)
    assert all((copy / "members/01" / name).exists() for name in WHOLE)
    train_member(*arguments, base=copy / "base", **HOW)
    assert not any((copy / "members/01" / name).exists() for name in WHOLE)
    assert adapters(copy)[1] == digests(copy, [f"members/01/{FILES[1]}"])[0]


def test_a_certificate_binds_the_base(copy, read_json):
    predicate = check_certificate_binds(copy, "base")
    kept = predicate["kept"]
    assert {f"members/{m}/{name}" for m in kept for name in FILES} < predicate["files"].keys()


@pytest.mark.parametrize("name", WHOLE)
def test_an_altered_base_is_refused(copy, name):
    check_altered_is_refused(copy, "base", name)


def test_an_adapter_that_names_another_base_is_not_certified(copy):
    config = copy / f"members/{certified_members(copy)[0]}" / FILES[0]
    facts = json.loads(config.read_text()) | {"base_model_name_or_path": "../../other"}
    config.write_text(json.dumps(facts))
    with pytest.raises(InputError, match=r"is an adapter of the base in \.\./\.\./other"):
        certificates.statement(Run(copy), sample=0, units=["digits/0"], subjects=[])


def certified_members(folder):
    run = Run(folder)
    _, keep = certificates.kept_without(run, ["digits/0"])
    return [member for member, stays in zip(run.members, keep, strict=True) if stays]


def test_a_run_of_whole_networks_does_not_take_an_adapter(copy):
    record = read_facts(copy / "run.json")
    record["config"]["model"]["base"] = None
    write_facts(copy / "run.json", record)
    for member in certified_members(copy):
        for name in WHOLE:
            shutil.copy(copy / "base" / name, copy / "members" / member)
    with pytest.raises(InputError, match="expected none"):
        certificates.statement(Run(copy), sample=0, units=["digits/0"], subjects=[])


def test_a_pipeline_holds_the_base_once_and_the_adapters(made, tmp_path):
    from diffusers import DiffusionPipeline

    code = read_arrays(made / "code/code.npz")
    members = Members(
        load.load_members(member_folders(made), device=torch.device("cpu")),
        code=code["code"], unit_names=code["unit_names"],
    )  # fmt: skip
    scheduler = make_scheduler(steps=3)
    EncodedEnsemblePipeline(members, scheduler).save_pretrained(tmp_path)
    assert "LoRA adapters of one base network" in (tmp_path / "README.md").read_text()
    assert len(list(tmp_path.rglob(WHOLE[1]))) == 1
    for name in (*(f"{member:02d}/{FILES[1]}" for member in range(MEMBERS)), f"base/{WHOLE[1]}"):
        theirs = load_file(tmp_path / "members" / name)
        ours = load_file(made / name if name.startswith("base") else made / "members" / name)
        assert all(np.array_equal(theirs.pop(key), each) for key, each in ours.items())
        assert not theirs
    noise = read_tensors(made / "noise/landscape.safetensors")["noise"]
    block = read_tensors(made / "landscape.safetensors")["counterfactuals"]
    for pipe in (
        EncodedEnsemblePipeline.from_pretrained(tmp_path),
        DiffusionPipeline.from_pretrained(tmp_path, trust_remote_code=True),
    ):
        found = pipe(noise=noise, without=["digits/3"], output_type="latent").images
        assert np.array_equal(np.asarray(found), block[3])


@pytest.mark.parametrize("spoiled", ["nowhere", "no network", "other", "pickled", "damaged"])
def test_what_is_no_base_is_refused(network, tmp_path, monkeypatch, spoiled):
    monkeypatch.setattr(
        huggingface_hub.constants, "HF_HUB_OFFLINE", True
    )  # the variable is read once
    folder = shutil.copytree(network, tmp_path / "base")
    if spoiled == "no network":
        (folder / "config.json").write_text("{}")
    if spoiled == "other":
        facts = json.loads((folder / "config.json").read_text())
        facts["_class_name"] = "UNet2DConditionModel"
        (folder / "config.json").write_text(json.dumps(facts))
    if spoiled == "pickled":
        (folder / WHOLE[1]).unlink()
        torch.save({}, folder / "diffusion_pytorch_model.bin")
    if spoiled == "damaged":
        (folder / WHOLE[1]).write_bytes((folder / WHOLE[1]).read_bytes()[:-10])
    name = "no-one/nothing" if spoiled == "nowhere" else str(folder)
    with pytest.raises(InputError):
        frozen_command.fetch_base(name, tmp_path / "out", tmp_path / "out/base.json")
    assert not (tmp_path / "out/base.json").exists()


def test_the_base_of_the_presets_has_seen_none_of_their_units(schema, tmp_path):
    from encoded_ensembles.config.check import check_config

    chosen = {}
    for name in ("lora", "lora-base"):
        written = yaml.safe_load((REPOSITORY / f"presets/{name}.yaml").read_text())
        dataset = check_config(written, schema)["dataset"]
        options = {key: dataset[key] for key in ("images", "heldout", "spare", "seed")}
        chosen[name] = selection.choose(catalogue.load_digits(None, tmp_path, None), **options)
    seen = set(chosen["lora-base"].training)
    assert not seen & {*chosen["lora"].training, *chosen["lora"].heldout}


def test_a_plan_measures_adapters_and_counts_the_base_once(network):
    model = {"base": str(network), "lora": {"rank": 2, "alpha": 2.0, "targets": ["to_q"]}}
    member, trained, frozen = rates.for_sampling(model, rates.initial(model, (1, 8, 8))())
    whole = load.load_unet(network, device=torch.device("cpu"))
    attentions = sum(name.endswith("to_q") for name, _ in whole.named_modules())
    assert (trained, frozen) == (attentions * 2 * (8 + 8), whole.num_parameters())
    assert len(unet.trained_weights(member)) == 2 * attentions
    with pytest.raises(InputError, match="expected a folder on this machine"):
        rates.with_copies(model | {"base": "no-one/nothing"}, network)


LORA = {
    "model": {"base": "network", "lora": {"rank": 2, "targets": ["conv1", "to_q"]}},
    "training": {"epochs": 2, "steps_per_epoch": 1},
}


@pytest.fixture
def workspace_with_base(tmp_path, network):
    (tmp_path / "work").mkdir()
    workspace = Workspace(tmp_path / "work")
    shutil.copytree(network, workspace.folder / "network")
    toy = yaml.safe_load((workspace.folder / "toy.yaml").read_text())
    toy["code"] |= {"members": 4, "weight": 2, "null_words": 0, "family": "balanced"}
    toy["dataset"]["images"] = 6
    (workspace.folder / "lora.yaml").write_text(yaml.safe_dump(toy | LORA))
    return workspace


def test_a_base_that_is_not_there_stops_at_once(workspace_with_base):
    shutil.rmtree(workspace_with_base.folder / "network")
    done = workspace_with_base.snakemake("-n", config="lora.yaml")
    assert done.returncode == 1
    assert (
        "config key model.base is network/config.json, expected a file that exists" in done.stderr
    )


@pytest.mark.slow
def test_a_changed_base_trains_again_and_a_touched_one_does_not(workspace_with_base):
    work = workspace_with_base
    block = "results/toy/landscape/1-of-2.safetensors"
    assert work.run(block, config="lora.yaml")["train_member"] == 4
    for name in WHOLE:
        (work.folder / "network" / name).touch()
    assert "train_member" not in work.run(block, config="lora.yaml")
    other = unet.build_unet(
        load.load_unet(work.folder / "network", device=torch.device("cpu")).config, seed=2
    )
    other.save_pretrained(work.folder / "network")
    counts = work.run(block, config="lora.yaml")
    assert (counts["train_member"], counts["ablate_block"]) == (4, 1)
