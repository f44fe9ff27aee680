"""Predictions of the denoisers of text-to-image pipelines, with guidance, one function for all kinds.

Latents are always (N, c, h, w); FLUX's patches of 2x2 are made and undone here.

Source: Ho & Salimans, *Classifier-Free Diffusion Guidance*, arXiv 2207.12598; the pipelines of
diffusers 0.42.
"""

from typing import TYPE_CHECKING, Any

from encoded_ensembles.members.pipeline_kinds import network_kind
from encoded_ensembles.members.prompts import Embeddings, concatenate

if TYPE_CHECKING:
    import torch

FLUX_TIME = 1000  # FLUX gets sigma, and multiplies it by this itself


def predict(
    denoiser: Any,
    latents: "torch.Tensor",
    level: "torch.Tensor",
    embeddings: Embeddings,
    *,
    guidance: float | None = None,
    without: Embeddings | None = None,
) -> "torch.Tensor":
    """Return what a denoiser predicts for noisy latents: noise, velocity, latents or flow.

    Args:
        denoiser: of diffusers, of one of the kinds of pipelines.
        latents: (N, c, h, w), scaled as `Process.noised` and `Sampler.noisy` give them.
        level: (N,), or one for all.
        embeddings: of N prompts.
        guidance: factor of classifier-free guidance; None or at most 1 computes without. FLUX is
            conditioned on it instead, on 1 for None, or ignores it.
        without: of N prompts, what guidance leads away from, such as `TextEncoders.nothing`.

    Returns:
        (N, c, h, w) of the latents' dtype.

    Raises:
        ValueError: there is guidance, but `without` is None.
    """
    kind = network_kind(denoiser)
    level = level.to(latents.device).expand(len(latents))
    if kind.name == "flux":
        return _predict_flux(denoiser, latents, level, embeddings, guidance)
    if guidance is None or guidance <= 1:
        return _predict(denoiser, latents, level, embeddings)
    if without is None:
        raise ValueError("without is None, expected embeddings that guidance leads away from")
    import torch

    both = _predict(
        denoiser, torch.cat([latents] * 2), level.repeat(2), concatenate([without, embeddings])
    )
    plain, prompted = both.chunk(2)
    return plain + guidance * (prompted - plain)


def _predict(
    denoiser: Any, latents: "torch.Tensor", level: "torch.Tensor", embeddings: Embeddings
) -> "torch.Tensor":
    """Return the prediction of SD, SDXL or SD3 without guidance, (N, c, h, w)."""
    if network_kind(denoiser).name == "sd3":
        return denoiser(
            hidden_states=latents,
            timestep=level,
            encoder_hidden_states=embeddings.sequence,
            pooled_projections=embeddings.pooled,
        ).sample
    added = None
    if embeddings.pooled is not None:
        if embeddings.time_ids is None:
            raise ValueError("time_ids is None, expected those of `prompts.with_sizes` for SDXL")
        added = {"text_embeds": embeddings.pooled, "time_ids": embeddings.time_ids}
    return denoiser(
        latents, level, encoder_hidden_states=embeddings.sequence, added_cond_kwargs=added
    ).sample


def _predict_flux(
    denoiser: Any,
    latents: "torch.Tensor",
    level: "torch.Tensor",
    embeddings: Embeddings,
    guidance: float | None,
) -> "torch.Tensor":
    """Return the prediction of FLUX, (N, c, h, w)."""
    import torch

    given = None
    if denoiser.config.guidance_embeds:
        value = 1.0 if guidance is None else guidance
        given = torch.full((len(latents),), value, device=latents.device, dtype=torch.float32)
    prediction = denoiser(
        hidden_states=pack(latents),
        timestep=level.to(latents.dtype) / FLUX_TIME,
        guidance=given,
        pooled_projections=embeddings.pooled,
        encoder_hidden_states=embeddings.sequence,
        txt_ids=text_ids(embeddings),
        img_ids=picture_ids(latents),
    ).sample
    return unpack(prediction, latents.shape[-2:])


def text_ids(embeddings: Embeddings) -> "torch.Tensor":
    """Return the positions (L, 3) of FLUX's text tokens: all zero."""
    return embeddings.sequence.new_zeros(embeddings.sequence.shape[1], 3)


def picture_ids(latents: "torch.Tensor") -> "torch.Tensor":
    """Return the positions (h/2 * w/2, 3) of FLUX's picture tokens: 0, row and column of a patch."""
    import torch

    height, width = latents.shape[-2] // 2, latents.shape[-1] // 2
    axes = (torch.zeros(1), torch.arange(height), torch.arange(width))
    return torch.cartesian_prod(*(axis.to(latents) for axis in axes))


def pack(latents: "torch.Tensor") -> "torch.Tensor":
    """Return latents (N, c, h, w) as tokens (N, h/2 * w/2, 4 c), each a patch of 2x2.

    Raises:
        ValueError: height or width are odd.
    """
    count, channels, height, width = latents.shape
    if height % 2 or width % 2:
        raise ValueError(f"latents are {height}x{width}, expected even numbers")
    patches = latents.reshape(count, channels, height // 2, 2, width // 2, 2)
    return patches.permute(0, 2, 4, 1, 3, 5).reshape(count, -1, 4 * channels)


def unpack(tokens: "torch.Tensor", size: "tuple[int, int] | torch.Size") -> "torch.Tensor":
    """Return tokens of `pack` as latents (N, c, h, w); `size` is (h, w)."""
    height, width = size
    count, _, values = tokens.shape
    patches = tokens.reshape(count, height // 2, width // 2, values // 4, 2, 2)
    return patches.permute(0, 3, 1, 4, 2, 5).reshape(count, values // 4, height, width)
