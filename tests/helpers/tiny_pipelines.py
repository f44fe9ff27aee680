"""Tiny text-to-image pipelines of diffusers, built offline from configurations, with seeded weights.

A few layers of width 32; pictures of 16x16 pixels have latents of 8x8. Tokenizers know single letters.
"""

import json
import string
from functools import cache

import torch

KINDS = ("sd", "sdxl", "sd3", "flux")
WIDTH = 32
CLIP_TOKENS = 12  # limit of the CLIP tokenizers, with the first and the last token
T5_TOKENS = 24
BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
PROMPTS = ["a cat", "two big dogs"]


@cache
def pipeline(kind, *, seed=0, **options):
    """Return a pipeline; the same object for the same arguments, so do not change it."""
    return build(kind, seed=seed, **options)


def build(kind, *, seed=0, **options):
    """Return a new pipeline of a kind of KINDS; `options` are other parts by role."""
    import diffusers

    torch.set_num_threads(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        name, parts = MAKERS[kind]()
    pipe = getattr(diffusers, name)(**parts | options)
    pipe.set_progress_bar_config(disable=True)
    for part in pipe.components.values():
        if isinstance(part, torch.nn.Module):
            part.eval().requires_grad_(False)
    return pipe


def write(kind, folder, *, shards=None, **options):
    """Write a pipeline to a folder, for `shards` in files of at most this size, such as "200KB"."""
    sizes = {} if shards is None else {"max_shard_size": shards}
    build(kind, **options).save_pretrained(folder, **sizes)
    return folder


def autoencoder(channels=4, **options):
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(8, 16), latent_channels=channels, norm_num_groups=4, sample_size=16,
        down_block_types=["DownEncoderBlock2D"] * 2, up_block_types=["UpDecoderBlock2D"] * 2,
        **options,
    )  # fmt: skip


def clip_tokenizer():
    from transformers import CLIPTokenizer

    letters = string.ascii_lowercase
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(
        vocab={word: number for number, word in enumerate(words)}, merges=[],
        model_max_length=CLIP_TOKENS,
    )  # fmt: skip


def clip_encoder(*, projection=False):
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=54, hidden_size=WIDTH, intermediate_size=37, num_hidden_layers=2,
        num_attention_heads=4, max_position_embeddings=CLIP_TOKENS, projection_dim=WIDTH,
        bos_token_id=52, eos_token_id=53, pad_token_id=53,
    )  # fmt: skip
    return (CLIPTextModelWithProjection if projection else CLIPTextModel)(config)


def t5_tokenizer():
    from transformers import T5TokenizerFast

    words = ["<pad>", "</s>", "<unk>", "▁", *string.ascii_lowercase]
    vocab = [(word, 0.0 if number < 3 else -2.0) for number, word in enumerate(words)]
    return T5TokenizerFast(vocab=vocab, extra_ids=0, model_max_length=T5_TOKENS)


def t5_encoder(width=WIDTH):
    from transformers import T5Config, T5EncoderModel

    config = T5Config(
        vocab_size=30, d_model=width, d_kv=8, d_ff=37, num_layers=2, num_heads=4,
        feed_forward_proj="gated-gelu", is_encoder_decoder=False,
    )  # fmt: skip
    return T5EncoderModel(config)


def unet(**options):
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        block_out_channels=(8, 16), layers_per_block=1, sample_size=8, norm_num_groups=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), attention_head_dim=(2, 4),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        **{"cross_attention_dim": WIDTH} | options,
    )  # fmt: skip


def _sd(**scheduling):
    from diffusers import DDIMScheduler

    scheduler = DDIMScheduler(**BETAS, steps_offset=1, clip_sample=False, **scheduling)
    return "StableDiffusionPipeline", {
        "vae": autoencoder(), "text_encoder": clip_encoder(), "tokenizer": clip_tokenizer(),
        "unet": unet(), "scheduler": scheduler, "safety_checker": None, "feature_extractor": None,
        "requires_safety_checker": False,
    }  # fmt: skip


def _sdxl():
    from diffusers import EulerDiscreteScheduler

    network = unet(
        cross_attention_dim=2 * WIDTH, addition_embed_type="text_time", addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=6 * 8 + WIDTH, use_linear_projection=True,
        transformer_layers_per_block=(1, 2),
    )  # fmt: skip
    return "StableDiffusionXLPipeline", {
        "vae": autoencoder(scaling_factor=0.13025), "unet": network,
        "text_encoder": clip_encoder(), "text_encoder_2": clip_encoder(projection=True),
        "tokenizer": clip_tokenizer(), "tokenizer_2": clip_tokenizer(),
        "scheduler": EulerDiscreteScheduler(**BETAS, steps_offset=1, timestep_spacing="leading"),
    }  # fmt: skip


def _sd3():
    from diffusers import FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel

    network = SD3Transformer2DModel(
        sample_size=8, patch_size=2, in_channels=4, num_layers=2, attention_head_dim=8,
        num_attention_heads=4, joint_attention_dim=2 * WIDTH, caption_projection_dim=WIDTH,
        pooled_projection_dim=2 * WIDTH, out_channels=4, pos_embed_max_size=8,
    )  # fmt: skip
    return "StableDiffusion3Pipeline", {
        "vae": autoencoder(scaling_factor=1.5305, shift_factor=0.0609), "transformer": network,
        "text_encoder": clip_encoder(projection=True), "tokenizer": clip_tokenizer(),
        "text_encoder_2": clip_encoder(projection=True), "tokenizer_2": clip_tokenizer(),
        "text_encoder_3": t5_encoder(2 * WIDTH), "tokenizer_3": t5_tokenizer(),
        "scheduler": FlowMatchEulerDiscreteScheduler(shift=3.0),
    }  # fmt: skip


def _flux(*, guided=True):
    from diffusers import FlowMatchEulerDiscreteScheduler, FluxTransformer2DModel

    network = FluxTransformer2DModel(
        patch_size=1, in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16,
        num_attention_heads=2, joint_attention_dim=WIDTH, pooled_projection_dim=WIDTH,
        guidance_embeds=guided, axes_dims_rope=(4, 4, 8),
    )  # fmt: skip
    return "FluxPipeline", {
        "vae": autoencoder(scaling_factor=0.3611, shift_factor=0.1159), "transformer": network,
        "text_encoder": clip_encoder(), "tokenizer": clip_tokenizer(),
        "text_encoder_2": t5_encoder(), "tokenizer_2": t5_tokenizer(),
        "scheduler": FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True),
    }  # fmt: skip


MAKERS = {"sd": _sd, "sdxl": _sdxl, "sd3": _sd3, "flux": _flux}


def scheduling(pipe):
    """Return the configuration of a pipeline's scheduler as its file has it, with the class."""
    return {"_class_name": type(pipe.scheduler).__name__, **pipe.scheduler.config}


def edit_json(path, **changes):
    """Change keys of a JSON file; None deletes a key."""
    facts = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in facts.items() if value is not None}))
