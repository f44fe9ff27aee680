"""Embeddings of prompts equal those of diffusers' pipelines; long prompts are reported."""

import re

import pytest
import tiny_pipelines
import torch
from encoded_ensembles.members import parts, prompts, text_denoiser
from encoded_ensembles.storage.errors import InputError
from tiny_pipelines import CLIP_TOKENS, PROMPTS

ALL = pytest.mark.parametrize("kind", tiny_pipelines.KINDS)
NAMES = ("sequence", "negative sequence", "pooled", "negative pooled")
T5_LIMIT = {"t5_tokens": 16}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("pipelines")
    return {kind: tiny_pipelines.write(kind, root / kind) for kind in tiny_pipelines.KINDS}


def load(folder, **options):
    return prompts.load_encoders(parts.read_parts(folder), **T5_LIMIT | options)


def of_diffusers(kind, texts, **options):
    """Return what the pipeline's encode_prompt returns, by name."""
    pipe = tiny_pipelines.pipeline(kind, **options)
    arguments = {"prompt": texts, "device": "cpu", "num_images_per_prompt": 1}
    if kind != "flux":
        arguments["do_classifier_free_guidance"] = True
    if kind == "sd3":
        arguments |= {"prompt_2": None, "prompt_3": None}
    if kind in ("sd3", "flux"):
        arguments["max_sequence_length"] = 16
    with torch.inference_mode():
        tensors = pipe.encode_prompt(**arguments)
    names = ("sequence", "pooled", "text ids") if kind == "flux" else NAMES
    return dict(zip(names, tensors, strict=False))


@ALL
def test_embeddings_equal_those_of_the_pipeline(folders, kind):
    encoders, expected = load(folders[kind]), of_diffusers(kind, PROMPTS)
    own, none = encoders.encode(PROMPTS), encoders.nothing(len(PROMPTS))
    assert torch.allclose(own.sequence, expected["sequence"], atol=1e-6)
    if kind == "flux":
        assert torch.equal(text_denoiser.text_ids(own), expected["text ids"])
    else:
        assert torch.allclose(none.sequence, expected["negative sequence"], atol=1e-6)
    if kind == "sd":
        assert own.pooled is None
        return
    assert torch.allclose(own.pooled, expected["pooled"], atol=1e-6)
    if kind != "flux":
        assert torch.allclose(none.pooled, expected["negative pooled"], atol=1e-6)


@ALL
def test_an_embedding_does_not_depend_on_other_prompts(folders, kind):
    encoders = load(folders[kind])
    together = encoders.encode(PROMPTS)
    for number, prompt in enumerate(PROMPTS):
        alone = encoders.encode([prompt])
        for name, tensor in together.rows(slice(number, number + 1)).tensors.items():
            assert torch.equal(tensor, alone.tensors[name])


@ALL
def test_encoders_take_turns_on_the_device(folders, kind, monkeypatch):
    device = torch.device("cpu")
    encoders, moves = load(folders[kind], device=device), []
    for number, encoder in enumerate(encoders.encoders):
        monkeypatch.setattr(encoder, "to", lambda to, n=number: moves.append((n, to)))
    encoders.encode(PROMPTS)
    assert moves == [(n, to) for n in range(len(encoders.encoders)) for to in (device, "cpu")]


def test_a_full_gpu_is_one_sentence(folders, monkeypatch):
    encoders = load(folders["sd3"])

    def full(to):
        if to != "cpu":
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")

    encoders.device = "cuda"
    monkeypatch.setattr(encoders.encoders[0], "to", full)
    with pytest.raises(InputError) as caught:
        encoders.encode(PROMPTS)
    said = "CUDA out of memory; give the job a larger GPU, or a GPU to itself."
    assert str(caught.value) == said


def test_sdxl_without_zeros_encodes_an_empty_prompt(folders, tmp_path):
    import shutil

    folder = shutil.copytree(folders["sdxl"], tmp_path / "sdxl")
    tiny_pipelines.edit_json(folder / parts.INDEX, force_zeros_for_empty_prompt=False)
    pipe = tiny_pipelines.build("sdxl", force_zeros_for_empty_prompt=False)
    with torch.inference_mode():
        expected = pipe.encode_prompt(PROMPTS, device="cpu")
    none = load(folder).nothing(2)
    assert none.sequence.abs().max() > 0.1
    assert torch.allclose(none.sequence, expected[1], atol=1e-6)
    assert torch.allclose(none.pooled, expected[3], atol=1e-6)


def test_sd3_without_t5_has_zeros_in_its_place(folders):
    whole = load(folders["sd3"])
    small = prompts.TextEncoders(
        whole.kind, whole.encoders[:2], whole.tokenizers[:2], joint_width=64, t5_tokens=16
    )
    expected = of_diffusers("sd3", PROMPTS, text_encoder_3=None, tokenizer_3=None)
    own = small.encode(PROMPTS)
    assert torch.allclose(own.sequence, expected["sequence"], atol=1e-6)
    assert torch.allclose(own.pooled, expected["pooled"], atol=1e-6)


@ALL
def test_long_prompts_are_reported_with_their_length(folders, kind):
    encoders = load(folders[kind])
    fits, long = "a" * (CLIP_TOKENS - 2), "a" * (CLIP_TOKENS - 1)
    assert encoders.too_long([fits, "", *PROMPTS]) == []
    reader = "CLIP (T5 still reads 16)" if kind in ("sd3", "flux") else "CLIP"
    assert encoders.too_long([fits, long]) == [(long, CLIP_TOKENS + 1, CLIP_TOKENS, reader)]
    said = f"{CLIP_TOKENS + 1} tokens, expected at most {CLIP_TOKENS} for {reader}; shorten"
    with pytest.raises(InputError, match=re.escape(said)):
        encoders.encode([fits, long])
    cut = encoders.encode([long], cut=True)
    assert torch.allclose(cut.sequence, of_diffusers(kind, [long])["sequence"], atol=1e-6)


def test_the_limit_of_the_t5_encoder_counts_too(folders):
    encoders = load(folders["flux"], t5_tokens=6)
    ((prompt, tokens, limit, reader),) = encoders.too_long(["abcdefg"])
    assert (prompt, limit, reader) == ("abcdefg", 6, "T5")
    assert tokens > 6
    assert prompts.load_encoders(parts.read_parts(folders["flux"])).limits() == [CLIP_TOKENS, 512]
    config = folders["flux"] / "transformer/config.json"
    was = config.read_text()
    tiny_pipelines.edit_json(config, guidance_embeds=False)  # FLUX.1-schnell
    assert prompts.load_encoders(parts.read_parts(folders["flux"])).limits() == [CLIP_TOKENS, 256]
    config.write_text(was)


def test_time_ids_are_those_of_the_pipeline(folders):
    pipe = tiny_pipelines.pipeline("sdxl")
    embeddings = prompts.with_sizes(
        load(folders["sdxl"]).encode(PROMPTS), original=(24, 20), target=(16, 16), crop=(2, 1)
    )
    expected = pipe._get_add_time_ids((24, 20), (2, 1), (16, 16), torch.float32, 32)
    assert torch.equal(embeddings.time_ids, expected.repeat(2, 1))
