"""Members with prompts: which prompt a sample has, and what guidance leads away from."""

import pytest
import tiny_lora
import tiny_pipelines
import torch
from encoded_ensembles.members import parts, prompted, prompts, text_arrays, text_denoiser
from encoded_ensembles.storage.errors import InputError

RNG = torch.Generator().manual_seed(0)
THREE, NOTHING, NEGATIVE = (
    prompts.Embeddings(torch.randn(count, 5, 32, generator=RNG)) for count in (3, 1, 1)
)
LATENTS = torch.randn(4, 4, 8, 8, generator=RNG)
LEVEL = torch.tensor(500)


@pytest.fixture(scope="module")
def denoiser():
    return tiny_lora.denoiser(tiny_pipelines.build("sd"))


@pytest.mark.parametrize("kind", tiny_pipelines.KINDS)
def test_a_file_holds_no_prompt_and_the_negative_one_apart(kind, tmp_path):
    folder = tiny_pipelines.write(kind, tmp_path / kind)
    encoders = prompts.load_encoders(parts.read_parts(folder), t5_tokens=16)
    plain = text_arrays.embedded_prompts(encoders, ["a cat"], None, size=(16, 16))
    none = prompted.Prompts.read(plain)
    assert none.negative is None
    if kind == "flux":
        with pytest.raises(
            InputError, match=r"sampling.negative is 'mud', expected null for a Flux"
        ):
            text_arrays.embedded_prompts(encoders, ["a cat"], "mud", size=(16, 16))
        return
    both = text_arrays.embedded_prompts(encoders, ["a cat"], "mud", size=(16, 16))
    assert {name: both[name].tobytes() for name in plain} == {
        name: array.tobytes() for name, array in plain.items()
    }
    mud = text_arrays.embedded_prompts(encoders, ["mud"], None, size=(16, 16))
    negative, own = (prompted.Prompts.read(arrays) for arrays in (both, mud))
    for name, tensor in negative.negative.tensors.items():
        assert torch.equal(tensor, own.embeddings.tensors[name])


def test_samples_take_prompts_in_turn(denoiser):
    known = prompted.Prompts(THREE, NOTHING)
    rows = known.of(torch.tensor([0, 4, 5, -1]))
    expected = torch.cat([THREE.sequence[[0, 1, 2]], NOTHING.sequence])
    assert torch.equal(rows.sequence, expected)
    assert torch.equal(THREE.sequence, known.embeddings.sequence)  # not changed in place
    member = prompted.Prompted(denoiser, known, channels=4, guidance=None)
    with torch.inference_mode():
        found = member(LATENTS, LEVEL, torch.tensor([0, 4, 5, -1])).sample
        plain = text_denoiser.predict(denoiser, LATENTS, LEVEL, prompts.Embeddings(expected))
    assert torch.equal(found, plain)


def test_guidance_leads_away_from_no_prompt_or_the_negative_one(denoiser):
    numbers = torch.arange(4)
    known = prompted.Prompts(THREE, NOTHING)

    def predict(guidance, given=known):
        member = prompted.Prompted(denoiser, given, channels=4, guidance=guidance)
        with torch.inference_mode():
            return member(LATENTS, LEVEL, numbers).sample

    with_prompt = predict(None)
    without = predict(None, prompted.Prompts(NOTHING, NEGATIVE))
    expected = without + 3 * (with_prompt - without)
    torch.testing.assert_close(predict(3.0), expected, rtol=1e-5, atol=1e-5)
    other = prompted.Prompts(THREE, NOTHING, NEGATIVE)
    away = predict(None, prompted.Prompts(NEGATIVE, NOTHING))
    torch.testing.assert_close(
        predict(3.0, other), away + 3 * (with_prompt - away), rtol=1e-5, atol=1e-5
    )


def test_a_picture_without_a_prompt_knows_neither_guidance_nor_the_negative_prompt(denoiser):
    """Numbers below 0 are given pictures."""
    numbers = torch.tensor([0, -1, 1, -1])
    known = prompted.Prompts(THREE, NOTHING, NEGATIVE)
    member = prompted.Prompted(denoiser, known, channels=4, guidance=3.0)
    none = prompts.concatenate([NOTHING] * 4)
    with torch.inference_mode():
        found = member(LATENTS, LEVEL, numbers).sample
        plain = text_denoiser.predict(denoiser, LATENTS, LEVEL, none)
    torch.testing.assert_close(found[1::2], plain[1::2], rtol=1e-5, atol=1e-5)
    assert not torch.allclose(found[0::2], plain[0::2], atol=1e-3)


def test_members_share_one_copy_of_the_prompts():
    known = prompted.Prompts(THREE, NOTHING)
    networks = [tiny_lora.denoiser(tiny_pipelines.build("sd")).bfloat16() for _ in range(2)]
    members = [prompted.Prompted(each, known, channels=4, guidance=None) for each in networks]
    texts = []
    for member in members:
        with torch.inference_mode():
            member(LATENTS, LEVEL, torch.arange(4))
        texts.append(member.prompts.embeddings.sequence)
    assert texts[0] is texts[1]
    assert texts[0].dtype == torch.bfloat16
