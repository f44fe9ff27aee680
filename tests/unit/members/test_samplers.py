"""Samplers of bases: their shift, the scale of what the network sees, and what is refused.

That they step as diffusers' pipelines do is tested with the predictions (test_text_denoiser).
"""

import math

import pytest
import tiny_pipelines
import torch
from encoded_ensembles.members import processes, samplers
from encoded_ensembles.members.pipeline_kinds import PIPELINES
from encoded_ensembles.storage.errors import InputError

FLOW = {"_class_name": "FlowMatchEulerDiscreteScheduler"}


def make(kind="sd", *, config=None, steps=4, **options):
    config = config or tiny_pipelines.scheduling(tiny_pipelines.pipeline(kind))
    return samplers.make_sampler(config, kind=PIPELINES[kind], steps=steps, **options)


def test_the_dynamic_shift_by_hand():
    """It is linear: base_shift at 256 tokens, max_shift at 4096; a shift of exp(mu)."""
    assert samplers.dynamic_shift(FLOW, 256) == 0.5
    assert samplers.dynamic_shift(FLOW, 4096) == pytest.approx(1.15)
    config = FLOW | {"use_dynamic_shifting": True}
    levels = make("flux", config=config, steps=2, tokens=256).levels
    shift = math.exp(0.5)
    assert levels.tolist() == pytest.approx([1000, 1000 * shift / (1 + shift)])
    with pytest.raises(ValueError, match="tokens is None"):
        make("flux", config=config)


@pytest.mark.parametrize("name", ["base", "ddim", "ddpm", "dpmsolver++", "euler"])
@pytest.mark.parametrize("kind", ["sd", "sdxl"])
def test_the_network_sees_latents_scaled_as_in_training(kind, name):
    """With a perfect prediction of noise each step leads to the same latents, noised less."""
    config = tiny_pipelines.scheduling(tiny_pipelines.pipeline(kind))
    process, sampler = processes.make_process(config), make(kind, name=name)
    x0, noise = torch.randn(2, 4, 8, 8, generator=torch.manual_seed(0)).split(1)
    x = sampler.start(noise)
    first = sampler.levels[0]
    signal, _ = process.factors(first.reshape(1), x)
    x = x + (x0 * signal if name != "euler" and not (kind == "sdxl" and name == "base") else x0)
    for level in sampler.levels:
        seen = sampler.noisy(x, level)
        signal, spread = process.factors(level.reshape(1), seen)
        prediction = (seen - signal * x0) / spread
        assert torch.allclose(process.estimate(prediction, seen, level), x0, atol=1e-4)
        x = sampler.step(prediction, level, x, noise)
    assert torch.allclose(x, x0, atol=0.2)


def test_ddpm_without_noise_is_refused():
    sampler = make(name="ddpm")
    x = torch.zeros(1, 4, 8, 8)
    with pytest.raises(ValueError, match="noise is None"):
        sampler.step(x, sampler.levels[0], x)


def test_names_of_samplers():
    assert samplers.sampler_names(FLOW) == ["base", "euler"]
    assert "dpmsolver++" in samplers.sampler_names({"_class_name": "PNDMScheduler"})


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        ({}, "heun", "the sampler is heun, expected base, ddim, ddpm, dpmsolver"),
        ({"_class_name": "EulerAncestralDiscreteScheduler"}, "base", "draws random numbers"),
        (
            {"_class_name": "DPMSolverMultistepScheduler", "algorithm_type": "sde-dpmsolver++"},
            "base",
            "draws random numbers",
        ),
        (
            {"_class_name": "FlowMatchEulerDiscreteScheduler", "stochastic_sampling": True},
            "base",
            "choose the sampler euler",
        ),
        ({"_class_name": "FlowMatchEulerDiscreteScheduler"}, "ddim", "expected base, euler"),
    ],
)
def test_samplers_that_draw_or_are_unknown_are_refused(changes, name, words):
    config = tiny_pipelines.scheduling(tiny_pipelines.pipeline("sd")) | changes
    with pytest.raises(InputError, match=words):
        make(config=config, name=name)
