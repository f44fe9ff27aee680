"""Text-to-image runs, from a folder of captioned pictures to figures, on tiny pipelines of four kinds."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
import tiny_pipelines
import torch
from encoded_ensembles.config.check import check_config
from encoded_ensembles.data.images import read_images
from encoded_ensembles.ensemble import engine
from encoded_ensembles.members import lora_files, prompted
from encoded_ensembles.runs.run import Run
from encoded_ensembles.storage.files import InputError
from PIL import Image
from safetensors.numpy import load_file
from text_run import CONFIG, configure, prepare, run, save
from workspace import Workspace

LANDSCAPE = "landscape/1-of-1.safetensors"
LORA = "pytorch_lora_weights.safetensors"


@pytest.fixture(scope="session")
def own(once):
    """A finished run of Stable Diffusion; neither change it nor run in it."""
    return once("text", lambda folder: run(prepare(folder, "sd")))


def landscape(workspace):
    return load_file(workspace.results("own") / LANDSCAPE)["counterfactuals"]


def words(workspace):
    code = np.load(workspace.results("own") / "code/code.npz")
    return dict(zip(code["unit_names"].tolist(), code["code"], strict=True))


def adapters(workspace):
    folder = workspace.results("own") / "members"
    return [(folder / f"{m:02d}" / LORA).read_bytes() for m in range(5)]


def check_samples(workspace):
    drawn = load_file(workspace.results("own") / "samples/ensemble.safetensors")["factual"]
    assert drawn.shape == (3, 3, 16, 16)
    assert np.isfinite(drawn).all()


def check_pipeline(workspace, kind):
    """Samples of one member are those of diffusers' pipeline with its LoRA: prompts, steps, guidance, pixels."""
    folder = workspace.results("own")
    member, noise = folder / "members/00", folder / "noise/landscape.safetensors"
    sampling = CONFIG["sampling"]
    found = engine.sample_rows(
        [member], np.ones((1, 1), bool), noise, label="member", scheduler="base",
        autoencoder=folder / "autoencoder", base=folder / "base",
        prompts=folder / "text/prompts.npz", guidance=sampling["guidance"], device="cpu",
    )[0]  # fmt: skip
    pipe = tiny_pipelines.build(kind)
    pipe.load_lora_weights(member)
    latents = torch.from_numpy(load_file(noise)["noise"][0])
    given = {"prompt": [sampling["prompts"][b % 2] for b in range(3)]}
    if kind == "flux":
        latents = pipe._pack_latents(latents, *latents.shape)
    else:
        given["negative_prompt"] = [sampling["negative"]] * 3
    drawn = pipe(
        **given, latents=latents, height=16, width=16, guidance_scale=sampling["guidance"],
        num_inference_steps=sampling["steps"], output_type="pt",
    ).images  # fmt: skip
    assert np.abs(found.clip(-1, 1) - (2 * drawn.numpy() - 1)).max() < 1e-4


def test_a_member_samples_as_the_pipeline_with_its_lora(own):
    check_pipeline(own, "sd")


def test_from_captioned_pictures_to_figures(own):
    assert own.jobs["train_adapter"] == 6
    check_samples(own)
    assert (own.results("own") / "figures/landscape.png").exists()
    assert (own.results("own") / "gallery.html").exists()


@pytest.mark.parametrize(
    "kind",
    [
        kind if kind == "flux" else pytest.param(kind, marks=pytest.mark.slow)
        for kind in tiny_pipelines.KINDS
        if kind != "sd"
    ],
)
def test_from_captioned_pictures_to_evidence(tmp_path, kind):
    workspace = prepare(tmp_path, kind)
    counts = run(workspace, LANDSCAPE, "contrast/checks.parquet")
    assert counts["train_adapter"] == 6
    check_samples(workspace)
    check_pipeline(workspace, kind)
    names = load_file(workspace.results("own") / "members/00" / LORA)
    # Layers for the prompt are adapted where there are any.
    assert any(".add_q_proj." in name for name in names) == (kind in ("sd3", "flux"))


def test_a_counterfactual_knows_neither_its_units_picture_nor_its_caption(own, tmp_path):
    other = Workspace.at(shutil.copytree(own.folder, tmp_path / "other"))
    before, members, code = landscape(own), adapters(own), words(own)
    unit = sorted(code)[2]
    save(other.folder / "pictures", int(unit[-6:-4]), seed=99, caption="not it")
    run(other, LANDSCAPE)
    after, names = landscape(other), list(words(other))
    retrained = [a != b for a, b in zip(members, adapters(other), strict=True)]
    assert retrained == code[unit].tolist()
    same = [a.tobytes() == b.tobytes() for a, b in zip(before, after, strict=True)]
    for name, equal in zip(names, same, strict=True):
        # Dropping the members that saw the unit leaves none that did.
        assert equal is bool((~code[name] & code[unit]).sum() == 0), name
    assert same[names.index(unit)]
    assert sum(same) < len(same)


def test_a_caption_alone_trains_the_members_of_its_unit_again(own, tmp_path):
    other = Workspace.at(shutil.copytree(own.folder, tmp_path / "other"))
    members, code = adapters(own), words(own)
    unit = sorted(code)[1]
    (other.folder / "pictures" / unit).with_suffix(".txt").write_text("new words")
    member = other.results("own") / f"members/{code[unit].argmax():02d}"
    for name in ("config.json", "diffusion_pytorch_model.safetensors"):  # of another kind
        (member / name).touch()
    counts = run(other, *(f"members/{m:02d}/training.json" for m in range(5)))
    assert counts["train_adapter"] == code[unit].sum()
    retrained = [a != b for a, b in zip(members, adapters(other), strict=True)]
    assert retrained == code[unit].tolist()
    assert not (member / "config.json").exists()
    assert not (member / "diffusion_pytorch_model.safetensors").exists()


def test_pictures_are_attributed_alone_as_in_the_run(own, tmp_path):
    made = Run(own.results("own"))
    pictures = read_images(made.folder / "queries/pictures.npz").images
    Image.fromarray(pictures[1]).save(tmp_path / "given.png")
    found = made.attribute(image=tmp_path / "given.png", top=None).sort_values("unit")
    pairs = pd.read_parquet(made.folder / "queries/pairs.parquet").query("sample == 1")
    for column, name in (("value", "joint"), ("p", "joint_p"), ("effect", "effect")):
        assert found[column].to_numpy() == pytest.approx(pairs[name].to_numpy(), rel=1e-3), name


def test_a_member_is_what_the_pipeline_loads(own):
    """`pipe.load_lora_weights` of a member's folder gives the member's prediction."""
    pipe = tiny_pipelines.build("sd")
    member = own.results("own") / "members/00"
    pipe.load_lora_weights(member)
    base = prompted.load_denoiser(own.results("own") / "base")
    ours = prompted.with_lora(base, lora_files.read_lora(member, base))
    x, text = torch.randn(2, 4, 8, 8), torch.randn(2, 12, 32)
    with torch.inference_mode():
        expected = pipe.unet(x, 500, encoder_hidden_states=text).sample
        found = ours(x, 500, encoder_hidden_states=text).sample
        plain = base(x, 500, encoder_hidden_states=text).sample
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert (found - plain).abs().max() > 1e-4


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model": {"base": "nowhere"}}, "model.base is nowhere/model_index.json, expected a file"),
        ({"model": {"base": "pictures"}}, "holds no model_index.json"),
        ({"model": {"base": "black-forest-labs/FLUX.1-schnell"}}, "expected 1 for a base without guidance"),
        ({"sampling": {"prompts": [], "scheduler": "ddim", "guidance": None, "negative": None}}, "model.base is base, a text-to-image pipeline"),
    ],
)  # fmt: skip
def test_a_wrong_base_is_one_sentence(own, tmp_path, changes, said):
    wrong = f"{tmp_path.name}.yaml"  # beside the pictures and the base that it names
    changed = {key: CONFIG.get(key, {}) | value for key, value in changes.items()}
    configure(own, file=wrong, **changed)
    done = own.snakemake("-n", config=wrong)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sampling": {"negative": "mud"}}, "sampling.negative is 'mud', expected null for a FluxPipeline"),
        (
            {"sampling": {"scheduler": "dpmsolver++", "negative": None}},
            "the sampler is dpmsolver++, expected base, euler for a base with a FlowMatchEulerDiscreteScheduler; set",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_base_is_refused_at_once(tmp_path, changes, said):
    workspace = prepare(tmp_path, "flux")
    configure(workspace, **changes)
    done = workspace.snakemake("-n", config="own.yaml")
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dataset": {"captions": False}}, "config key dataset.captions is False"),
        ({"model": {"base": None}}, "config key model.base is None"),
        ({"model": {"classes": True}}, "config key model.classes is True"),
        ({"rivals": {"gradients": True}}, "config key rivals.gradients is True"),
        ({"sampling": {"prompts": "prompts.txt"}}, "config key sampling.prompts is prompts.txt"),
        ({"sampling": {"prompts": []}}, "config key sampling.scheduler is base"),
        (
            {"sampling": {"prompts": [], "scheduler": "ddim"}},
            "config key sampling.guidance is 3, expected its default",
        ),
        (
            {"sampling": {"guidance": 1}},
            "config key sampling.guidance is 1, expected a number above 1",
        ),
    ],
)
def test_a_wrong_configuration_is_refused(schema, changes, said):
    keys = {"run": "own"} | CONFIG | {"model": CONFIG["model"] | {"base": "base"}}
    wrong = keys | {key: keys.get(key, {}) | value for key, value in changes.items()}
    with pytest.raises(InputError, match=re.escape(said)):
        check_config(wrong, schema)


def test_a_prompt_that_is_too_long_is_refused(own, tmp_path):
    other = Workspace.at(shutil.copytree(own.folder, tmp_path / "other"))
    configure(other, sampling=CONFIG["sampling"] | {"prompts": ["a cat", "abcdefghijklmnop"]})
    done = other.snakemake("results/own/text/prompts.npz", config="own.yaml")
    assert done.returncode != 0
    assert "the prompt 'abcdefghijklmnop' and 0 others are too long" in done.stderr + done.stdout
    configure(other, sampling=CONFIG["sampling"] | {"prompts": ["abcdefghijklmnop"], "cut": True})
    run(other, "text/prompts.npz")
    log = (other.results("own") / "logs/encode_prompts.log").read_text()
    assert "'abcdefghijklmnop' is cut: 18 tokens, at most 12 are used" in log


def test_a_plan_says_what_fits_a_gpu(own, tmp_path):
    done = own.encens("plan", "--configfile", "own.yaml", "--output", tmp_path / "plan.json")
    assert done.returncode == 0, done.stderr
    assert "On one GPU of 24 GB, computed and not measured: a training job needs" in done.stdout
    assert "which fits; with an assumed 60 TFLOP/s the run takes 0.0 hours" in done.stdout
    rows = {row["rule"]: row for row in json.loads((tmp_path / "plan.json").read_text())["rules"]}
    # 3 samples of which each is evaluated twice, by 5 members at 3 steps, in batches of 16 at least.
    assert rows["follow_members"]["evaluations"] == 2 * 16 * 5 * 3
    assert rows["train_adapter"]["flops"] > 0
