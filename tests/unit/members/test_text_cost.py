"""What denoisers cost, counted on tensors without values, against real ones."""

import functools

import pytest
import tiny_pipelines
import torch
from encoded_ensembles.members import lora
from encoded_ensembles.members.pipeline_kinds import network_kind
from encoded_ensembles.members.text_cost import (
    Bytes,
    _embeddings,
    coder_cost,
    text_cost,
    training_passes,
)
from encoded_ensembles.members.text_denoiser import predict
from tiny_lora import denoiser
from torch.utils.flop_counter import FlopCounterMode

LATENT = (4, 8, 8)


@functools.cache
def cost(kind, **options):
    config = dict(denoiser(tiny_pipelines.pipeline(kind)).config)
    config["_class_name"] = type(denoiser(tiny_pipelines.pipeline(kind))).__name__
    return text_cost(config, LATENT, rank=2, **options)


def test_bytes_are_counted_by_hand():
    """Ten numbers are there; then ten more, twenty more for a moment, and a view, which has none."""
    x = torch.zeros(10)
    with Bytes([x]) as counter:
        y = x + 1
        (y + 1).repeat(2)
        view = y[2:]
    assert (counter.now, counter.peak) == (80, 80 + 40 + 80)
    del y
    assert counter.now == 80
    del view
    assert counter.now == 40


@pytest.mark.parametrize("kind", tiny_pipelines.KINDS)
def test_weights_and_operations_are_those_of_the_real_denoiser(kind):
    found, real = cost(kind), denoiser(tiny_pipelines.build(kind))
    assert found.weights == real.num_parameters()
    assert found.weight_bytes == 4 * found.weights
    prompts = _embeddings(network_kind(real), real.config, 1, torch.float32)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        predict(real, torch.zeros(1, *LATENT), torch.ones(1), prompts)
    assert found.flops == counter.get_total_flops()
    lora.add_lora(real, rank=2, alpha=2.0, seed=0)
    trained = [weight.numel() for weight in real.parameters() if weight.requires_grad]
    assert found.adapter == sum(trained)


@pytest.mark.parametrize("kind", tiny_pipelines.KINDS)
def test_a_training_step_takes_two_passes_or_three(kind):
    """Counted; a little less, since the adapter's own operations are few and some outputs need no gradient."""
    real, forward = denoiser(tiny_pipelines.build(kind)), cost(kind).flops
    lora.add_lora(real.train(), rank=2, alpha=2.0, seed=0)
    prompts = _embeddings(network_kind(real), real.config, 1, torch.float32)
    for checkpointing in (False, True):
        if checkpointing:
            real.enable_gradient_checkpointing()
        with FlopCounterMode(display=False) as counter:
            predict(
                real, torch.zeros(1, *LATENT), torch.ones(1), prompts
            ).square().mean().backward()
        passes = training_passes(checkpointing=checkpointing)
        assert passes - 0.5 < counter.get_total_flops() / forward < passes


def test_precision_and_checkpointing_take_less():
    plain = cost("sd")
    assert cost("sd", sampling="bfloat16").weight_bytes == plain.weight_bytes / 2
    assert cost("sd", sampling="bfloat16").held < 0.7 * plain.held
    assert cost("sd", training="bfloat16").trained < plain.trained
    assert cost("sd", checkpointing=True).trained < plain.trained
    assert plain.held < plain.trained


def test_the_size_of_stable_diffusion_is_the_published_one():
    """860 million weights; 0.68 TFLOP for an evaluation of 64x64 latents (docs/text.md)."""
    config = {
        "_class_name": "UNet2DConditionModel", "sample_size": 64, "cross_attention_dim": 768,
        "block_out_channels": (320, 640, 1280, 1280), "attention_head_dim": 8,
    }  # fmt: skip
    found = text_cost(config, (4, 64, 64), rank=16, training="bfloat16", sampling="bfloat16")
    assert found.weights == 859_520_964
    assert found.flops == pytest.approx(0.677e12, rel=0.01)
    assert found.adapter == 3_188_736
    assert found.embedded == 77 * 768


def test_an_autoencoder_is_counted():
    real = tiny_pipelines.autoencoder()
    found = coder_cost(dict(real.config), (3, 16, 16), LATENT)
    assert found.weights == real.num_parameters()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        real.decode(torch.zeros(1, *LATENT))
    assert found.decode == counter.get_total_flops()
    assert found.encode > 0
    assert found.held > 0
