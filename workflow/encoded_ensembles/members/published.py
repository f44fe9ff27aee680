"""Published pipelines as they are known before their download: configurations and numbers of weights.

Source: the files config.json of these repositories on the Hugging Face Hub, without keys that no size depends on.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Published(NamedTuple):
    """A pipeline.

    Attributes:
        base: configuration of the denoiser.
        autoencoder: configuration of the autoencoder.
        weights: numbers of weights of `base`, `autoencoder` and, together, the text `encoders`.
        stored: bytes of a weight of the denoiser in its files, which is its size in a run too.
    """

    base: Mapping[str, Any]
    autoencoder: Mapping[str, Any]
    weights: Mapping[str, int]
    stored: int


CODER = {
    "_class_name": "AutoencoderKL", "block_out_channels": [128, 256, 512, 512], "layers_per_block": 2,
    "in_channels": 3, "out_channels": 3, "latent_channels": 4,
    "down_block_types": ["DownEncoderBlock2D"] * 4, "up_block_types": ["UpDecoderBlock2D"] * 4,
}  # fmt: skip
CODER_16 = CODER | {"latent_channels": 16, "use_quant_conv": False, "use_post_quant_conv": False}
SD15 = {
    "_class_name": "UNet2DConditionModel", "sample_size": 64, "cross_attention_dim": 768,
    "block_out_channels": [320, 640, 1280, 1280], "attention_head_dim": 8,
}  # fmt: skip
SDXL = {
    "_class_name": "UNet2DConditionModel", "sample_size": 128, "cross_attention_dim": 2048,
    "block_out_channels": [320, 640, 1280], "attention_head_dim": [5, 10, 20],
    "transformer_layers_per_block": [1, 2, 10], "use_linear_projection": True,
    "addition_embed_type": "text_time", "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
}  # fmt: skip
SD35 = {
    "_class_name": "SD3Transformer2DModel", "sample_size": 128, "in_channels": 16, "out_channels": 16,
    "num_layers": 24, "num_attention_heads": 24, "attention_head_dim": 64, "joint_attention_dim": 4096,
    "caption_projection_dim": 1536, "pooled_projection_dim": 2048, "pos_embed_max_size": 384,
    "dual_attention_layers": list(range(13)), "qk_norm": "rms_norm",
}  # fmt: skip
SD3 = SD35 | {"pos_embed_max_size": 192, "dual_attention_layers": [], "qk_norm": None}
SD35_LARGE = SD35 | {
    "num_layers": 38, "num_attention_heads": 38, "caption_projection_dim": 2432,
    "pos_embed_max_size": 192, "dual_attention_layers": [],
}  # fmt: skip
FLUX = {
    "_class_name": "FluxTransformer2DModel", "in_channels": 64, "num_layers": 19, "num_single_layers": 38,
    "num_attention_heads": 24, "attention_head_dim": 128, "joint_attention_dim": 4096,
    "pooled_projection_dim": 768, "guidance_embeds": True,
}  # fmt: skip
CLIP_L, CLIP_G, T5_XXL = 123_060_480, 694_659_840, 4_762_310_656  # weights of text encoders
PROJECTION = 768 * 768  # of CLIP_L in SD3


def _published(
    base: Mapping[str, Any], coder: Mapping[str, Any], count: int, encoders: int, *, stored: int
) -> Published:
    """Return a pipeline with so many weights of its denoiser and its text encoders."""
    of_coder = 83_653_863 if coder is CODER else 83_819_683
    weights = {"base": count, "autoencoder": of_coder, "encoders": encoders}
    return Published(base, coder, weights, stored)


def published(name: str | None) -> Published | None:
    """Return the pipeline of a name on the hub, NAME or NAME@REVISION; None if it is not known."""
    return PUBLISHED.get((name or "").partition("@")[0])


TYPICAL = "stabilityai/stable-diffusion-xl-base-1.0"  # for a pipeline that is not known
PUBLISHED = {
    "stable-diffusion-v1-5/stable-diffusion-v1-5": _published(
        SD15, CODER, 859_520_964, CLIP_L, stored=4
    ),
    TYPICAL: _published(SDXL, CODER, 2_567_463_684, CLIP_L + CLIP_G, stored=4),
    "stabilityai/stable-diffusion-3.5-medium": _published(
        SD35, CODER_16, 2_243_171_520, CLIP_L + PROJECTION + CLIP_G + T5_XXL, stored=2
    ),
    "stabilityai/stable-diffusion-3-medium-diffusers": _published(
        SD3, CODER_16, 2_028_328_000, CLIP_L + PROJECTION + CLIP_G + T5_XXL, stored=2
    ),
    "stabilityai/stable-diffusion-3.5-large": _published(
        SD35_LARGE, CODER_16, 8_056_627_520, CLIP_L + PROJECTION + CLIP_G + T5_XXL, stored=2
    ),
    "black-forest-labs/FLUX.1-dev": _published(
        FLUX, CODER_16, 11_901_408_320, CLIP_L + T5_XXL, stored=2
    ),
    "black-forest-labs/FLUX.1-schnell": _published(
        FLUX | {"guidance_embeds": False}, CODER_16, 11_891_178_560, CLIP_L + T5_XXL, stored=2
    ),
}
EXAMPLES = {  # one of each class
    "StableDiffusionPipeline": "stable-diffusion-v1-5/stable-diffusion-v1-5",
    "StableDiffusionXLPipeline": TYPICAL,
    "StableDiffusion3Pipeline": "stabilityai/stable-diffusion-3.5-large",
    "FluxPipeline": "black-forest-labs/FLUX.1-dev",
}
