"""Published pipelines as they are known before their download."""

import diffusers
import pytest
import torch
from encoded_ensembles.members.published import PUBLISHED
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    T5Config,
    T5EncoderModel,
)

# As in the repositories' text_encoder*/config.json.
CLIP_L = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_attention_heads": 12,
    "projection_dim": 768,
}
CLIP_G = {
    "hidden_size": 1280,
    "intermediate_size": 5120,
    "num_attention_heads": 20,
    "projection_dim": 1280,
    "num_hidden_layers": 32,
}
T5_XXL = {
    "d_model": 4096,
    "d_ff": 10240,
    "num_layers": 24,
    "num_heads": 64,
    "feed_forward_proj": "gated-gelu",
}
ENCODERS = {
    "stable-diffusion-v1-5/stable-diffusion-v1-5": ["clip"],
    "stabilityai/stable-diffusion-xl-base-1.0": ["clip", "large"],
    "stabilityai/stable-diffusion-3.5-medium": ["projected", "large", "t5"],
    "stabilityai/stable-diffusion-3-medium-diffusers": ["projected", "large", "t5"],
    "stabilityai/stable-diffusion-3.5-large": ["projected", "large", "t5"],
    "black-forest-labs/FLUX.1-dev": ["clip", "t5"],
    "black-forest-labs/FLUX.1-schnell": ["clip", "t5"],
}
BUILD = {
    "clip": lambda: CLIPTextModel(CLIPTextConfig(**CLIP_L)),
    "projected": lambda: CLIPTextModelWithProjection(CLIPTextConfig(**CLIP_L)),
    "large": lambda: CLIPTextModelWithProjection(CLIPTextConfig(**CLIP_G)),
    "t5": lambda: T5EncoderModel(T5Config(**T5_XXL)),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_numbers_of_weights_are_those_of_the_networks(name):
    known = PUBLISHED[name]
    with torch.device("meta"):
        found = {
            part: getattr(diffusers, config["_class_name"])
            .from_config(dict(config))
            .num_parameters()
            for part, config in (("base", known.base), ("autoencoder", known.autoencoder))
        }
        encoders = [BUILD[encoder]() for encoder in ENCODERS[name]]
    found["encoders"] = sum(each.numel() for encoder in encoders for each in encoder.parameters())
    assert found == known.weights
