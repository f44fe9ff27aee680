"""Tiny denoisers of pipelines with adapters, and what they predict."""

import tiny_pipelines
import torch
from encoded_ensembles.members import lora, prompts, text_denoiser


def denoiser(pipe):
    return pipe.components.get("unet") or pipe.components["transformer"]


def embeddings_of(kind):
    """Return embeddings of two prompts, with random values."""
    rng = torch.Generator().manual_seed(1)
    width, pooled = {"sd": (32, 0), "sdxl": (64, 32), "sd3": (64, 64), "flux": (32, 32)}[kind]
    embeddings = prompts.Embeddings(
        torch.randn(2, 5, width, generator=rng),
        torch.randn(2, pooled, generator=rng) if pooled else None,
    )
    if kind == "sdxl":
        return prompts.with_sizes(embeddings, original=(16, 16), target=(16, 16))
    return embeddings


def predict(kind, network):
    """Return predictions for fixed inputs, (2, 4, 8, 8)."""
    latents = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(3))
    levels = torch.tensor([50, 800])
    with torch.inference_mode():
        return text_denoiser.predict(network, latents, levels, embeddings_of(kind))


def trained(kind, *, seed=0, **options):
    """Return a denoiser with an adapter whose B is not zero."""
    network = denoiser(tiny_pipelines.build(kind))
    lora.add_lora(network, **{"rank": 2, "alpha": 6.0} | options, seed=seed)
    rng = torch.Generator().manual_seed(2)
    for change in lora.lora_changes(network).values():
        change.up.copy_(torch.randn(change.up.shape, generator=rng) * 0.3)
    return network


def kohya(changes, name_of):
    """Return tensors in kohya's layout; `name_of` is the name of a layer in it."""
    tensors = {}
    for layer, change in changes.items():
        stem = name_of(layer)
        tensors[f"{stem}.lora_down.weight"] = change.down.clone()
        tensors[f"{stem}.lora_up.weight"] = change.up.clone()
        tensors[f"{stem}.alpha"] = torch.tensor(change.scale * len(change.down))
    return tensors


def underscored(layer, *, start="unet"):
    return f"lora_{start}_{layer.replace('.', '_')}"
