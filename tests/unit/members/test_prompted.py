"""Members with prompts: which prompt a sample has, and what guidance leads away from."""

import pytest
import tiny_lora
import tiny_pipelines
import torch
from encoded_ensembles.members import prompted, prompts, text_denoiser

RNG = torch.Generator().manual_seed(0)
THREE, NOTHING = (prompts.Embeddings(torch.randn(count, 5, 32, generator=RNG)) for count in (3, 1))
LATENTS = torch.randn(4, 4, 8, 8, generator=RNG)
LEVEL = torch.tensor(500)


@pytest.fixture(scope="module")
def denoiser():
    return tiny_lora.denoiser(tiny_pipelines.build("sd"))


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
    without = predict(None, prompted.Prompts(NOTHING, NOTHING))
    expected = without + 3 * (with_prompt - without)
    torch.testing.assert_close(predict(3.0), expected, rtol=1e-5, atol=1e-5)
    other = prompted.Prompts(THREE, THREE.rows(torch.tensor([1])))
    assert not torch.allclose(predict(3.0, other), predict(3.0))


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
