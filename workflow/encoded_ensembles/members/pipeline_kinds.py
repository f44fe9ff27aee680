"""The kinds of text-to-image pipelines that members can be adapters of, and what differs among them.

A pipeline's folder is as diffusers' save_pretrained writes it: model_index.json names the class of
each part, and each part has a folder named by its role.

Source: the pipelines of diffusers 0.42 of these names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from encoded_ensembles.storage.errors import InputError

ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
JOINT = (
    "add_q_proj",
    "add_k_proj",
    "add_v_proj",
    "to_add_out",
)  # of the prompt, beside the picture
CLIP = "CLIPTextModel"
CLIP_PROJECTED = "CLIPTextModelWithProjection"
T5 = "T5EncoderModel"


def tokenizer_of(encoder: str) -> str:
    """Return the role of the tokenizer of a text encoder, by the encoder's role."""
    return encoder.replace("text_encoder", "tokenizer")


@dataclass(frozen=True)
class PipelineKind:
    """What the program has to know of a kind of pipeline.

    Attributes:
        name: short name, "sd", "sdxl", "sd3" or "flux".
        pipeline: its class in diffusers.
        denoiser: role of the network that members are adapters of.
        network: class of the denoiser in diffusers.
        encoders: class of each text encoder, by role; each has a tokenizer.
        loader: class of diffusers that reads LoRA files for the pipeline.
        optional: roles of text encoders that the pipeline works without.
        patches: latent channels of the autoencoder times this are the denoiser's input channels.
        t5_tokens: limit of tokens of the T5 encoder, 0 without one.
        density: default distribution of levels in training, one of `processes.DENSITIES`.
        linear_sigmas: whether the sampler's sigmas are 1 to 1/T in equal steps, before the shift.
        targets: layers that a new adapter changes by default, by the ends of their names.
    """

    name: str
    pipeline: str
    denoiser: str
    network: str
    encoders: Mapping[str, str]
    loader: str
    optional: tuple[str, ...] = ()
    patches: int = 1
    t5_tokens: int = 0
    density: str = "uniform"
    linear_sigmas: bool = False
    targets: tuple[str, ...] = ATTENTION

    @property
    def tokenizers(self) -> list[str]:
        """Roles of the tokenizers, in the order of the encoders."""
        return [tokenizer_of(role) for role in self.encoders]

    @property
    def roles(self) -> list[str]:
        """Roles of all parts that the program uses."""
        return [self.denoiser, *self.encoders, *self.tokenizers, "vae", "scheduler"]

    def expected(self, role: str) -> str | None:
        """Return the class that the part of a role has; None for tokenizers and schedulers: any."""
        fixed = {self.denoiser: self.network, "vae": "AutoencoderKL"}
        return fixed.get(role) or self.encoders.get(role)


PIPELINES = {
    kind.name: kind
    for kind in (
        PipelineKind(
            "sd",
            "StableDiffusionPipeline",
            denoiser="unet",
            network="UNet2DConditionModel",
            encoders={"text_encoder": CLIP},
            loader="StableDiffusionLoraLoaderMixin",
        ),
        PipelineKind(
            "sdxl",
            "StableDiffusionXLPipeline",
            denoiser="unet",
            network="UNet2DConditionModel",
            encoders={"text_encoder": CLIP, "text_encoder_2": CLIP_PROJECTED},
            loader="StableDiffusionXLLoraLoaderMixin",
        ),
        PipelineKind(
            "sd3",
            "StableDiffusion3Pipeline",
            denoiser="transformer",
            network="SD3Transformer2DModel",
            encoders={
                "text_encoder": CLIP_PROJECTED,
                "text_encoder_2": CLIP_PROJECTED,
                "text_encoder_3": T5,
            },
            loader="SD3LoraLoaderMixin",
            optional=("text_encoder_3",),
            t5_tokens=256,
            density="logit_normal",
            targets=ATTENTION + JOINT,
        ),
        PipelineKind(
            "flux",
            "FluxPipeline",
            denoiser="transformer",
            network="FluxTransformer2DModel",
            encoders={"text_encoder": CLIP, "text_encoder_2": T5},
            loader="FluxLoraLoaderMixin",
            patches=4,
            t5_tokens=512,
            density="logit_normal",
            linear_sigmas=True,
            targets=ATTENTION + JOINT,
        ),
    )
}


def kind_of(pipeline: str) -> PipelineKind:
    """Return the kind of a pipeline by the name of its class.

    Raises:
        InputError: the class is not supported.
    """
    for kind in PIPELINES.values():
        if kind.pipeline == pipeline:
            return kind
    raise InputError(
        f"the pipeline is a {pipeline}, expected one of "
        f"{', '.join(kind.pipeline for kind in PIPELINES.values())}; use a pipeline of these classes."
    )


def token_side(denoiser: Mapping[str, Any]) -> int:
    """Return the side in latent pixels of a token of a picture; 1 for a denoiser without tokens.

    Args:
        denoiser: its configuration.
    """
    packed = denoiser.get("_class_name") == PIPELINES["flux"].network  # by the pipeline
    return 2 if packed else denoiser.get("patch_size") or 1


def check_negative(kind: PipelineKind, negative: str | None) -> None:
    """Check that a pipeline that is conditioned on the value of guidance gets no negative prompt.

    Raises:
        InputError: it gets one.
    """
    if kind.name == "flux" and negative is not None:
        raise InputError(
            f"sampling.negative is {negative!r}, expected null for a {kind.pipeline}, which computes without "
            "classifier-free guidance; leave it out."
        )


def check_guidance(config: Mapping[str, Any], guidance: float | None) -> None:
    """Check that a denoiser that guidance does not reach, FLUX.1-schnell, gets none.

    Args:
        config: of the denoiser.
        guidance: None or a number; up to 1 is none.

    Raises:
        InputError: it gets one.
    """
    if config.get("guidance_embeds") is False and (guidance or 0) > 1:
        raise InputError(
            f"sampling.guidance (guidance_scale) is {guidance}, expected 1 for a base without guidance (guidance_embeds is "
            "false, as in FLUX.1-schnell); set it to 1, and sampling.steps to the few that the base is made for."
        )


def network_kind(denoiser: Any) -> PipelineKind:
    """Return the kind of the pipeline that a denoiser of diffusers is from.

    Raises:
        InputError: its class is not supported.
    """
    network = type(denoiser).__name__
    if network == "UNet2DConditionModel":
        timed = denoiser.config.addition_embed_type == "text_time"
        return PIPELINES["sdxl" if timed else "sd"]
    for kind in PIPELINES.values():
        if kind.network == network:
            return kind
    raise InputError(
        f"the denoiser is a {network}, expected one of "
        f"{', '.join(sorted({kind.network for kind in PIPELINES.values()}))}."
    )
