"""How much of what members differ by is rounding: a warning for arithmetic that is too coarse for them.

Units are told from each other by differences of members' predictions. In bfloat16, rounding changes a prediction by
about 1 % of its size (docs/gpu.md); adapters that change it by less are hard to tell apart.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from encoded_ensembles.ensemble.diffusion import Diffusion, diffusion_of
from encoded_ensembles.ensemble.sampling import SMALLEST_BATCH, batch_of, predict
from encoded_ensembles.members.latents import PIXELS, Space
from encoded_ensembles.randomness import Purpose, generator

if TYPE_CHECKING:
    import torch
    from diffusers import UNet2DModel

COARSE = 1 / 3  # a larger share, a ninth of the variance, is warned of


def measure_rounding(
    members: Sequence["UNet2DModel"],
    images: np.ndarray,
    noise: np.ndarray,
    *,
    level: int,
    precision: str,
    sampler: str | Diffusion,
    device: "torch.device",
    space: Space = PIXELS,
    batch: int | None = None,
) -> dict[str, Any]:
    """Compare the rounding of a member's predictions with how much predictions of members differ.

    Rounding is estimated by a second evaluation on inputs moved by less than their own rounding, up or down at
    random, after which all later roundings are others: the root mean square of the change, divided by the root of 2. In the
    default run this was 0.99 to 1.25 times the error against float32; larger moves change the prediction by themselves.

    Args:
        members: n networks, n >= 2.
        images: (B, C, H, W) float32, as members see them, those of the run's first samples.
        noise: (B, C, H, W) float32, standard normal.
        level: noise level 0..999.
        precision: arithmetic of the members, "float32", "bfloat16" or "float16".
        sampler: one of `members.names.SAMPLERS`, or another process.
        device: device of the members.
        space: space in which members see images.
        batch: rows that a member evaluates at once; None: `batch_of` the images.

    Returns:
        precision; level; spread, the root mean square of the differences of members' predictions from their mean (with
        n - 1 in its square), which rounding is part of; rounding, in the same unit; share, their ratio, 1 where members do not differ; and
        warnings, none or one sentence.
    """
    import torch

    images, noise = images[:SMALLEST_BATCH], noise[:SMALLEST_BATCH]
    diffusion = diffusion_of(sampler, bounded=space.bounded)
    batch = batch or batch_of(images.shape[1:], kind=device.type)
    numbers = torch.arange(len(images), device=device)
    at = torch.tensor(level, device=device)
    clean, z = (torch.from_numpy(np.ascontiguousarray(each)).to(device) for each in (images, noise))
    x = diffusion.noised(clean, z, level)
    rng = generator(seed=0, purpose=Purpose.SAMPLING, key=level, counter=0)
    signs = rng.choice(np.array([-1, 1], np.float32), size=x.shape)
    # Relative; in float32 a quarter would be rounded away at once.
    step = torch.finfo(getattr(torch, precision)).eps / (1 if precision == "float32" else 4)
    moved = x * (1 + step * torch.from_numpy(signs).to(device))

    def evaluated(member: "UNet2DModel", seen: "torch.Tensor") -> np.ndarray:
        with torch.inference_mode():
            found = predict(member, seen, at, numbers=numbers, batch=batch)
        return found.double().cpu().numpy()

    first = evaluated(members[0], x)
    rounding = float(np.sqrt(np.mean((evaluated(members[0], moved) - first) ** 2) / 2))
    predicted = np.stack([first, *(evaluated(members[m], x) for m in range(1, len(members)))])
    spread = float(np.sqrt(predicted.var(axis=0, ddof=1).mean()))
    share = rounding / spread if spread else 1.0
    return {
        "precision": precision,
        "level": level,
        "spread": spread,
        "rounding": rounding,
        "share": share,
        "warnings": [rounding_warning(precision, share, device.type)] if share > COARSE else [],
    }


def rounding_warning(precision: str, share: float, device: str) -> str:
    """Return one sentence on a share of rounding that is too large, on a kind of device."""
    finer = {
        "bfloat16": "float16, which rounds an eighth as much, or float32"
        if device == "cuda"
        else "float32",
        "float16": "float32",
    }.get(precision)
    advice = f"set sampling.precision to {finer}, or train" if finer else "train"
    return (
        f"members hardly differ: rounding in {precision} is {share:.0%} of what their predictions differ by, so units "
        f"are hard to tell apart; {advice} members longer."
    )
