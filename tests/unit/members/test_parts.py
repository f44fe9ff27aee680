"""Parts of pipelines: found, loaded and named by digests; what is incomplete is refused."""

import hashlib
import json
import shutil

import pytest
import tiny_lora
import tiny_pipelines
import torch
from encoded_ensembles.members import network as networks
from encoded_ensembles.members import parts
from encoded_ensembles.members.names import WEIGHTS
from encoded_ensembles.members.part_files import part_files
from encoded_ensembles.storage.errors import InputError


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Folders of the four kinds, by kind; that of sd3 has its weights in several files."""
    root = tmp_path_factory.mktemp("pipelines")
    return {
        kind: tiny_pipelines.write(kind, root / kind, shards="100KB" if kind == "sd3" else None)
        for kind in tiny_pipelines.KINDS
    }


@pytest.fixture
def folder(folders, tmp_path):
    return shutil.copytree(folders["sd"], tmp_path / "sd")


@pytest.mark.parametrize("kind", tiny_pipelines.KINDS)
def test_parts_are_loaded_as_the_pipeline_has_them(folders, kind):
    whole, found = tiny_pipelines.pipeline(kind), parts.read_parts(str(folders[kind]))
    assert found.kind.name == kind
    roles = [found.kind.denoiser, "vae", *found.encoders]
    for role in roles:
        own = parts.load_part(found, role)
        theirs = getattr(whole, role).state_dict()
        assert type(own) is type(getattr(whole, role))
        assert not own.training
        assert all(torch.equal(weight, theirs[name]) for name, weight in own.state_dict().items())
    for role in found.kind.tokenizers:
        ids = parts.load_part(found, role)("a cat").input_ids
        assert ids == getattr(whole, role)("a cat").input_ids
    assert found.config("scheduler")["_class_name"] == type(whole.scheduler).__name__


def test_weights_in_several_files_are_all_digested(folders):
    found = parts.read_parts(folders["sd3"])
    digests = parts.digests(found)
    shards = [name for name in digests if "-of-0000" in name]
    assert len(shards) > 3
    for name, digest in digests.items():
        assert hashlib.sha256((folders["sd3"] / name).read_bytes()).hexdigest() == digest
    assert {name.split("/")[0] for name in digests} == {parts.INDEX, *found.classes}


def test_digests_depend_on_the_files_read_and_no_others(folder):
    before = parts.digests(parts.read_parts(folder))
    (folder / "unet/diffusion_pytorch_model.fp16.safetensors").write_bytes(b"x")
    (folder / "README.md").write_text("x")
    assert parts.digests(parts.read_parts(folder)) == before
    tiny_pipelines.edit_json(folder / "scheduler/scheduler_config.json", beta_end=0.1)
    after = parts.digests(parts.read_parts(folder))
    assert {name for name in after if after[name] != before[name]} == {
        "scheduler/scheduler_config.json"
    }


def test_weights_are_loaded_in_the_precision_asked_for(folders):
    found = parts.read_parts(folders["flux"])
    for role in ("transformer", "text_encoder_2"):
        assert parts.load_part(found, role, dtype=torch.bfloat16).dtype == torch.bfloat16


@pytest.mark.parametrize("kind", tiny_pipelines.KINDS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_a_base_keeps_the_precision_of_its_files(folders, tmp_path, kind, dtype):
    """Half the bytes, and the same network as if it were stored in float32, in both precisions of a run."""
    source = shutil.copytree(folders[kind], tmp_path / "pipeline")
    role = parts.read_parts(source).kind.denoiser
    tiny = tiny_lora.denoiser(tiny_pipelines.build(kind)).to(dtype)
    shutil.rmtree(source / role)
    tiny.save_pretrained(source / role)
    found = parts.read_parts(source)
    assert parts.stored_dtype(found, role) == dtype
    denoiser = parts.load_part(found, role, dtype=parts.stored_dtype(found, role))
    networks.save_network(denoiser, tmp_path / "base")
    again = type(denoiser).from_pretrained(tmp_path / "base", torch_dtype=dtype)
    same(again, tiny)
    size = (tmp_path / "base" / WEIGHTS).stat().st_size
    numbers = sum(each.numel() for each in tiny.state_dict().values())
    assert 0 < size - dtype.itemsize * numbers < 150 * len(tiny.state_dict()) + 1000  # the header
    options = {"device": torch.device("cpu"), "kind": type(denoiser).__name__}
    wide = parts.load_part(found, role)
    loaded = networks.load_network(tmp_path / "base", **options)
    same(loaded, wide)
    same(networks.load_network(tmp_path / "base", **options, dtype=torch.bfloat16), wide.bfloat16())
    assert not any(each.is_meta or each.data_ptr() % 64 for each in loaded.state_dict().values())
    assert not any(each.is_meta or each.requires_grad for each in loaded.buffers())


def same(one, other):
    """Compare two networks."""
    tensors = other.state_dict()
    assert one.state_dict().keys() == tensors.keys()
    for name, each in one.state_dict().items():
        assert each.dtype == tensors[name].dtype
        assert torch.equal(each, tensors[name]), name


def test_sd3_without_t5_is_complete(folders, tmp_path):
    folder = shutil.copytree(folders["sd3"], tmp_path / "sd3")
    gone = {"text_encoder_3": [None, None], "tokenizer_3": [None, None]}
    tiny_pipelines.edit_json(folder / parts.INDEX, **gone)
    assert parts.read_parts(folder).encoders == ["text_encoder", "text_encoder_2"]


def test_an_encoder_without_its_tokenizer_is_refused(folders, tmp_path):
    folder = shutil.copytree(folders["sd3"], tmp_path / "sd3")
    tiny_pipelines.edit_json(folder / parts.INDEX, tokenizer_3=[None, None])
    with pytest.raises(InputError, match="names no tokenizer_3"):
        parts.read_parts(folder)


def test_of_two_copies_of_weights_those_that_are_loaded_are_digested(folder):
    """Transformers loads the single file, diffusers what the index lists."""
    found = {}
    for role, stem in (("text_encoder", "model"), ("unet", "diffusion_pytorch_model")):
        single, other = folder / role / f"{stem}.safetensors", folder / role / "shard.safetensors"
        shutil.copy(single, other)
        index = folder / role / f"{stem}.safetensors.index.json"
        index.write_text(json.dumps({"weight_map": {"a": other.name}}))
        found[role] = [file.name for file in part_files(folder / role, role)]
    assert found == {
        "text_encoder": ["config.json", "model.safetensors"],
        "unet": [
            "config.json", "diffusion_pytorch_model.safetensors.index.json", "shard.safetensors"
        ],
    }  # fmt: skip


def remove(*names):
    def spoil(folder):
        for name in names:
            (folder / name).unlink()

    return spoil


def rename(old, new):
    return lambda folder: (folder / old).rename(folder / new)


def index(**changes):
    return lambda folder: tiny_pipelines.edit_json(folder / parts.INDEX, **changes)


UNET = "unet/diffusion_pytorch_model.safetensors"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (remove(parts.INDEX), "holds no model_index.json, expected the folder of a pipeline"),
        (
            index(_class_name="PixArtSigmaPipeline"),
            "is a PixArtSigmaPipeline, expected one of StableDiffusionPipeline, "
            "StableDiffusionXLPipeline, StableDiffusion3Pipeline, FluxPipeline",
        ),
        (index(vae=None), "names no vae, expected all of unet, text_encoder, tokenizer, vae"),
        (index(tokenizer=[None, None]), "names no tokenizer"),
        (index(vae=["diffusers", "AutoencoderTiny"]), "names a AutoencoderTiny as vae, expected"),
        (
            lambda folder: tiny_pipelines.edit_json(
                folder / "unet/config.json", time_cond_proj_dim=256
            ),
            "sets time_cond_proj_dim, as consistency models",
        ),
        (remove("unet/config.json"), "unet does not hold config.json"),
        (remove("scheduler/scheduler_config.json"), "does not hold scheduler_config.json"),
        (
            remove("tokenizer/tokenizer.json", "tokenizer/tokenizer_config.json"),
            "does not hold the files of a tokenizer",
        ),
        (remove(UNET), "unet does not hold diffusion_pytorch_model.safetensors"),
        (rename(UNET, "unet/diffusion_pytorch_model.bin"), "holds pickled weights only"),
        (rename(UNET, "unet/diffusion_pytorch_model.fp16.safetensors"), "with the variant"),
        (
            lambda folder: tiny_pipelines.edit_json(folder / "vae/config.json", latent_channels=16),
            "unet is for 4 channels, but the autoencoder in .*vae makes latents of 16 channels, "
            "expected 16; use the autoencoder",
        ),
    ],
)
def test_an_incomplete_pipeline_is_refused(folder, spoil, words):
    spoil(folder)
    with pytest.raises(InputError, match=words):
        parts.read_parts(folder)


def test_a_missing_shard_is_named(folders, tmp_path):
    folder = shutil.copytree(folders["sd3"], tmp_path / "sd3")
    shard = sorted((folder / "transformer").glob("*-00002-of-*"))[0]
    shard.unlink()
    with pytest.raises(InputError, match=f"does not hold {shard.name}, which .*index.json lists"):
        parts.read_parts(folder)


@pytest.mark.parametrize("role", ["unet", "text_encoder"])
def test_weights_that_are_not_those_of_the_configuration_are_refused(folder, role):
    from safetensors.torch import load_file, save_file

    (file,) = (folder / role).glob("*.safetensors")
    tensors = load_file(file)
    tensors.pop(sorted(tensors)[0])
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(InputError, match=f"{role} does not hold (the weights of its config|a )"):
        parts.load_part(parts.read_parts(folder), role)


def test_a_pipeline_of_the_hub_is_downloaded_without_other_weights(folder, monkeypatch, tmp_path):
    import huggingface_hub

    calls = []

    def snapshot(name, **options):
        calls.append((name, options))
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    assert parts.read_parts("someone/pipeline").folder == folder
    assert [name for name, _ in calls] == ["someone/pipeline"] * 2
    assert calls[1][1]["revision"] == folder.name  # the index and the parts are of one version
    assert "unet/*.safetensors" in calls[1][1]["allow_patterns"]
    assert not any("bin" in pattern for pattern in calls[1][1]["allow_patterns"])
    assert calls[0][1]["revision"] is None
    assert parts.read_parts("someone/pipeline@v1.2").folder == folder
    assert [(name, options["revision"]) for name, options in calls[2:]] == [
        ("someone/pipeline", "v1.2"),
        ("someone/pipeline", folder.name),
    ]


def test_files_of_another_revision_are_refused(folder):
    found = parts.read_parts(folder)
    kept = parts.digests(found)
    parts.check_files(found, kept)
    file = folder / "tokenizer/tokenizer_config.json"
    tiny_pipelines.edit_json(file, more="x")
    for roles in (None, ["tokenizer"]):
        with pytest.raises(
            InputError, match=r"another tokenizer/tokenizer_config.json than the base"
        ):
            parts.check_files(found, kept, roles=roles)
    parts.check_files(found, kept, roles=["text_encoder"])
    gone = kept | {"text_encoder/model-00001.safetensors": "0" * 64}
    with pytest.raises(InputError, match="another text_encoder/model-00001"):
        parts.check_files(found, gone, roles=["text_encoder"])


def test_a_pipeline_of_the_hub_offline_is_one_sentence(monkeypatch):
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="someone/none is not an existing folder and could not be"):
        parts.read_parts("someone/none")


def test_modules_for_text_import_large_libraries_only_when_needed():
    """`encens --help` and the rules of other runs load none of them."""
    import subprocess
    import sys

    names = "part_files, parts, pipeline_kinds, processes, prompts, samplers, text_denoiser"
    program = (
        f"from encoded_ensembles.members import {names}, lora, lora_files, prompted, text_training; import sys;"
        "print([n for n in ('diffusers', 'transformers', 'peft', 'huggingface_hub') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_files_with_the_names_of_older_versions_are_loaded(folder):
    """As the published Stable Diffusion 1.5 has them: prefixes, a constant, other names in attention."""
    from safetensors.torch import load_file, save_file

    before = {
        role: parts.load_part(parts.read_parts(folder), role) for role in ("text_encoder", "vae")
    }
    (text,), (autoencoder,) = ((folder / role).glob("*.safetensors") for role in before)
    tensors = {f"text_model.{name}": tensor for name, tensor in load_file(text).items()}
    tensors["text_model.embeddings.position_ids"] = torch.arange(tiny_pipelines.CLIP_TOKENS)[None]
    save_file(tensors, text, metadata={"format": "pt"})
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    tensors = load_file(autoencoder)
    for new, name in old.items():
        tensors = {key.replace(f".{new}.", f".{name}."): each for key, each in tensors.items()}
    save_file(tensors, autoencoder, metadata={"format": "pt"})
    for role, network in before.items():
        own = parts.load_part(parts.read_parts(folder), role).state_dict()
        assert all(torch.equal(each, own[name]) for name, each in network.state_dict().items())
