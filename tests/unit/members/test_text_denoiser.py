"""A plain loop of predictions and sampler steps equals the pipelines of diffusers."""

import numpy as np
import pytest
import tiny_pipelines
import torch
from encoded_ensembles.members import prompts, samplers, text_denoiser
from encoded_ensembles.members.pipeline_kinds import (
    PIPELINES,
    check_guidance,
    network_kind,
    token_side,
    tokenizer_of,
)
from encoded_ensembles.storage.errors import InputError
from tiny_pipelines import PROMPTS

ALL = pytest.mark.parametrize("kind", tiny_pipelines.KINDS)
STEPS = 4


def noise(seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.standard_normal((2, 4, 8, 8), np.float32))


def denoiser(pipe):
    return pipe.components.get("unet") or pipe.components["transformer"]


def encoders(kind, pipe):
    roles = PIPELINES[kind].encoders
    names = [tokenizer_of(role) for role in roles]
    return prompts.TextEncoders(
        PIPELINES[kind], [getattr(pipe, role) for role in roles],
        [getattr(pipe, name) for name in names], t5_tokens=16,
    )  # fmt: skip


def embeddings(kind, pipe):
    own = encoders(kind, pipe)
    pair = own.encode(PROMPTS), own.nothing(len(PROMPTS))
    if kind != "sdxl":
        return pair
    return tuple(prompts.with_sizes(each, original=(16, 16), target=(16, 16)) for each in pair)


def of_pipeline(kind, pipe, guidance):
    """Return the latents that the pipeline samples, (2, 4, 8, 8)."""
    prompted, none = embeddings(kind, pipe)
    options = {"prompt_embeds": prompted.sequence, "latents": noise()}
    if prompted.pooled is not None:
        options["pooled_prompt_embeds"] = prompted.pooled
    if kind == "flux":
        options["latents"] = pipe._pack_latents(noise(), 2, 4, 8, 8)
    elif guidance > 1:
        options["negative_prompt_embeds"] = none.sequence
        if none.pooled is not None:
            options["negative_pooled_prompt_embeds"] = none.pooled
    latents = pipe(
        height=16, width=16, num_inference_steps=STEPS, guidance_scale=guidance,
        output_type="latent", **options,
    ).images  # fmt: skip
    return pipe._unpack_latents(latents, 16, 16, 2) if kind == "flux" else latents


def of_loop(kind, pipe, guidance, *, config=None, name="base"):
    network = denoiser(pipe)
    prompted, none = embeddings(kind, pipe)
    tokens = (
        None
        if "unet" in pipe.components
        else (8 // token_side(network.config | {"_class_name": type(network).__name__})) ** 2
    )
    sampler = samplers.make_sampler(
        config or tiny_pipelines.scheduling(pipe),
        kind=PIPELINES[kind],
        steps=STEPS,
        name=name,
        tokens=tokens,
    )
    x = sampler.start(noise())
    with torch.inference_mode():
        for step, level in enumerate(sampler.levels):
            predicted = text_denoiser.predict(
                network, sampler.noisy(x, level), level, prompted, guidance=guidance, without=none
            )
            x = sampler.step(predicted, level, x, noise(step + 1))
    return x


def assert_same(own, theirs):
    assert theirs.abs().max() > 0.5
    assert (own - theirs).abs().max() <= 1e-5 * max(1.0, theirs.abs().max())


@ALL
@pytest.mark.parametrize("guidance", [1.0, 4.0])
def test_a_loop_equals_the_pipeline(kind, guidance):
    pipe = tiny_pipelines.pipeline(kind)
    own = of_loop(kind, pipe, guidance)
    assert_same(own, of_pipeline(kind, pipe, guidance))
    other = of_loop(kind, pipe, 7.0)
    assert not torch.allclose(own, other, atol=1e-3)  # guidance has an effect


@pytest.mark.parametrize(
    ("kind", "scheduler", "options"),
    [
        ("sd", "PNDMScheduler", {"skip_prk_steps": True}),
        ("sd", "EulerDiscreteScheduler", {"prediction_type": "v_prediction"}),
        ("sd", "DDIMScheduler", {"prediction_type": "v_prediction"}),
        ("sdxl", "DPMSolverMultistepScheduler", {"use_karras_sigmas": True}),
        ("sdxl", "UniPCMultistepScheduler", {}),
        ("sd3", "FlowMatchEulerDiscreteScheduler", {"use_dynamic_shifting": True}),
        ("flux", "FlowMatchEulerDiscreteScheduler", {"shift": 1.0}),
    ],
)
def test_other_schedulers_of_a_base_step_as_in_the_pipeline(kind, scheduler, options):
    import diffusers

    betas = {} if scheduler.startswith("Flow") else tiny_pipelines.BETAS
    chosen = getattr(diffusers, scheduler)(**betas, **options)
    pipe = tiny_pipelines.build(kind, scheduler=chosen)
    assert_same(of_loop(kind, pipe, 3.0), of_pipeline(kind, pipe, 3.0))


@pytest.mark.parametrize(
    ("name", "scheduler"),
    [
        ("dpmsolver++", "DPMSolverMultistepScheduler"),
        ("euler", "EulerDiscreteScheduler"),
        ("ddim", "DDIMScheduler"),
    ],
)
def test_a_sampler_by_name_keeps_the_schedule_of_the_base(name, scheduler):
    import diffusers

    base = tiny_pipelines.pipeline("sd")
    chosen = getattr(diffusers, scheduler).from_config(base.scheduler.config)
    pipe = tiny_pipelines.build("sd", scheduler=chosen)
    assert_same(of_loop("sd", base, 3.0, name=name), of_pipeline("sd", pipe, 3.0))


def test_ddpm_takes_its_noise_as_an_argument():
    pipe = tiny_pipelines.pipeline("sd")
    config = tiny_pipelines.scheduling(pipe) | {"_class_name": "DDPMScheduler"}
    own = of_loop("sd", pipe, 1.0, config=config)
    assert torch.equal(own, of_loop("sd", pipe, 1.0, name="ddpm"))


@ALL
def test_a_batch_of_levels_equals_single_ones(kind):
    """In training each row has its own level."""
    network = denoiser(tiny_pipelines.pipeline(kind))
    prompted, _ = embeddings(kind, tiny_pipelines.pipeline(kind))
    levels = torch.tensor([30, 700])
    with torch.inference_mode():
        both = text_denoiser.predict(network, noise(), levels, prompted)
        rows = [
            text_denoiser.predict(
                network, noise()[i : i + 1], levels[i], prompted.rows(slice(i, i + 1))
            )
            for i in range(2)
        ]
    assert both.shape == (2, 4, 8, 8)
    assert torch.allclose(both, torch.cat(rows), atol=1e-5)
    assert not torch.allclose(
        both, text_denoiser.predict(network, noise(), levels.flip(0), prompted), atol=1e-4
    )


def test_a_flux_network_without_guidance_ignores_it():
    _, parts = tiny_pipelines._flux(guided=False)
    network = parts["transformer"].eval()
    assert not network.config.guidance_embeds
    prompted, _ = embeddings("flux", tiny_pipelines.pipeline("flux"))
    level = torch.tensor(500.0)
    with torch.inference_mode():
        one, other = (
            text_denoiser.predict(network, noise(), level, prompted, guidance=value)
            for value in (None, 9.0)
        )
    assert torch.equal(one, other)
    check_guidance(network.config, None)
    check_guidance(network.config, 1)
    with pytest.raises(InputError, match=r"is 9.0, expected 1 .* FLUX.1-schnell"):
        check_guidance(network.config, 9.0)
    check_guidance({"guidance_embeds": True}, 9.0)
    check_guidance({}, 9.0)


def test_packing_is_that_of_diffusers_and_is_undone():
    pipe = tiny_pipelines.pipeline("flux")
    x = noise()[:, :, :, :6]
    packed = text_denoiser.pack(x)
    assert torch.equal(packed, pipe._pack_latents(x, 2, 4, 8, 6))
    assert torch.equal(text_denoiser.unpack(packed, (8, 6)), x)
    ids = pipe._prepare_latent_image_ids(2, 4, 3, "cpu", torch.float32)
    assert torch.equal(text_denoiser.picture_ids(x), ids)
    with pytest.raises(ValueError, match="expected even numbers"):
        text_denoiser.pack(noise()[..., :7])


def test_what_is_missing_is_refused():
    pipe = tiny_pipelines.pipeline("sdxl")
    prompted, _ = embeddings("sdxl", pipe)
    level = torch.tensor(3)
    with pytest.raises(ValueError, match="without is None"):
        text_denoiser.predict(pipe.unet, noise(), level, prompted, guidance=3.0)
    bare = prompts.Embeddings(prompted.sequence, prompted.pooled)
    with pytest.raises(ValueError, match="time_ids is None"):
        text_denoiser.predict(pipe.unet, noise(), level, bare)
    with pytest.raises(InputError, match="the denoiser is a AutoencoderKL, expected one of Flux"):
        network_kind(pipe.vae)


@ALL
def test_a_row_does_not_depend_on_a_batch_of_16_or_more(kind):
    """With classifier-free guidance 8 rows are a batch of 16. Smaller batches differ in last bits."""
    pipe = tiny_pipelines.pipeline(kind)
    network, (prompted, none) = denoiser(pipe), embeddings(kind, pipe)
    many, without = (prompts.concatenate([each] * 24) for each in (prompted, none))
    x, level = noise().repeat(24, 1, 1, 1), torch.tensor(500)
    for guidance, smallest in ((None, 16), (3.0, 16 if kind == "flux" else 8)):
        with torch.inference_mode():
            whole, part = (
                text_denoiser.predict(
                    network, x[:rows], level, many.rows(slice(rows)), guidance=guidance,
                    without=without.rows(slice(rows)),
                )
                for rows in (48, smallest)
            )  # fmt: skip
        assert torch.equal(whole[:smallest], part)
