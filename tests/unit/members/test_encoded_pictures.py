"""Latents of pictures are those of diffusers' pipelines; values that are not finite are refused."""

import numpy as np
import pytest
import tiny_pipelines
import torch
from encoded_ensembles.members.encoded_pictures import PipelineLatents
from encoded_ensembles.members.pipeline_kinds import PIPELINES
from encoded_ensembles.storage.errors import InputError

IMAGES = np.random.default_rng(0).uniform(-1, 1, (3, 3, 16, 16)).astype(np.float32)


def space(kind, network=None):
    return PipelineLatents(network or tiny_pipelines.pipeline(kind).vae, PIPELINES[kind])


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("sd", "StableDiffusionImg2ImgPipeline"),
        ("sdxl", "StableDiffusionXLImg2ImgPipeline"),
        ("sd3", "StableDiffusion3Img2ImgPipeline"),
        ("flux", "FluxImg2ImgPipeline"),
    ],
)
def test_latents_are_those_of_image_to_image_pipelines(kind, name):
    import importlib

    import diffusers

    module = importlib.import_module(getattr(diffusers, name).__module__)
    vae = tiny_pipelines.pipeline(kind).vae
    with torch.inference_mode():
        encoded = vae.encode(torch.from_numpy(IMAGES))
        mode = module.retrieve_latents(encoded, sample_mode="argmax")
    shift = vae.config.shift_factor or 0.0
    expected = (mode - shift) * vae.config.scaling_factor
    own = space(kind).encode(IMAGES)
    assert own.dtype == np.float32
    assert own.shape == (3, 4, 8, 8)
    assert np.allclose(own, expected, atol=1e-5)
    assert np.array_equal(space(kind).encode(IMAGES[1:2])[0], own[1])


@pytest.mark.parametrize("kind", tiny_pipelines.KINDS)
def test_latents_are_decoded_as_by_the_pipeline(kind):
    pipe = tiny_pipelines.pipeline(kind)
    latents, images = (
        pipe(
            tiny_pipelines.PROMPTS, height=16, width=16, num_inference_steps=2, output_type=output,
            generator=torch.manual_seed(0),
            **({"max_sequence_length": 16} if kind in ("sd3", "flux") else {}),
        ).images
        for output in ("latent", "pt")
    )  # fmt: skip
    if kind == "flux":
        latents = pipe._unpack_latents(latents, 16, 16, 2)
    own = space(kind).decode(latents)
    assert torch.allclose((own / 2 + 0.5).clamp(0, 1), images, atol=1e-5)


def test_means_and_deviations_of_latents_are_used_by_sdxl_alone():
    torch.manual_seed(0)
    mean, std = [0.5, 0.0, -0.5, 1.0], [2.0, 1.0, 0.5, 4.0]
    vae = tiny_pipelines.autoencoder(latents_mean=mean, latents_std=std).eval()
    plain, own = space("sd", vae).encode(IMAGES), space("sdxl", vae).encode(IMAGES)
    factor = vae.config.scaling_factor
    columns = (np.array(each).reshape(1, 4, 1, 1) for each in (mean, std))
    shift, scale = columns
    assert np.allclose(own, (plain / factor - shift) * factor / scale, atol=1e-5)
    decoded = [
        space(kind, vae).decode(torch.from_numpy(x)) for kind, x in (("sd", plain), ("sdxl", own))
    ]
    assert torch.allclose(*decoded, atol=1e-5)


def test_other_precisions_are_close():
    vae = tiny_pipelines.build("sd").vae.to(torch.bfloat16)
    exact = space("sd").encode(IMAGES)
    assert np.abs(space("sd", vae).encode(IMAGES) - exact).max() < 0.05 * np.abs(exact).max()
    assert space("sd", vae).decode(torch.from_numpy(exact)).dtype == torch.float32


@pytest.mark.parametrize(
    ("dtype", "fix"),
    [(torch.float16, "use float32 or bfloat16"), (torch.float32, "check the picture")],
)
def test_latents_that_are_not_finite_are_refused(dtype, fix):
    vae = tiny_pipelines.build("sd").vae
    vae.quant_conv.bias.fill_(float("nan"))
    name = str(dtype).removeprefix("torch.")
    with pytest.raises(InputError, match=f"in {name} encodes picture 0 as values .* {fix}"):
        space("sd", vae.to(dtype)).encode(IMAGES)
