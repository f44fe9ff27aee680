"""First-order influence: how a sample moves when a member's weight in the ensemble changes a little.

With weights a_m the ensemble predicts the mean of its members' predictions, weighted by a_m / sum a.
All are 1; dropping member m takes a_m to 0. The derivative of the sample in a_m is carried along the
factual trajectory by forward-mode differentiation, for all members at once. Compared with dropping
members one at a time in docs/screening.md, which is why screening does the latter.

Source: Dai & Gifford, arXiv 2406.07908, whose differential ablation this is.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from encoded_ensembles.ensemble import make_scheduler, take_step
from encoded_ensembles.unet import sample_classes

if TYPE_CHECKING:
    import torch
    from diffusers import UNet2DModel


def derivatives(
    members: Sequence["UNet2DModel"], *, noise: np.ndarray, sampler: str, device: "torch.device"
) -> np.ndarray:
    """Differentiate samples in the weight of each member.

    Args:
        members: n networks without gradients, of the precision of the noise.
        noise: z (T+1, B, C, H, W).
        sampler: of `ensemble.SAMPLERS` but dpmsolver++, whose steps remember earlier ones.
        device: where the members are.

    Returns:
        (n, B, C, H, W); less it is the displacement of dropping a member, to first order.
    """
    import torch

    scheduler = make_scheduler(steps=len(noise) - 1, sampler=sampler)
    z = torch.from_numpy(noise).to(device)
    x = z[0].clone()
    moving = x.new_zeros(len(members), *x.shape)
    for number, level in enumerate(scheduler.timesteps, start=1):

        def step(
            mean: torch.Tensor,
            image: torch.Tensor,
            level: torch.Tensor = level,
            entering: torch.Tensor = z[number],
        ) -> torch.Tensor:
            return take_step(scheduler, mean, level, image, entering, sampler=sampler)

        with torch.no_grad():
            mean, turning = _predict(members, x, moving, level.to(device))
            moving = _push(step, (mean, x), (turning, moving))
            x = step(mean, x)
    return moving.cpu().numpy()


def _predict(
    members: Sequence["UNet2DModel"],
    x: "torch.Tensor",
    moving: "torch.Tensor",
    level: "torch.Tensor",
) -> "tuple[torch.Tensor, torch.Tensor]":
    """Return the ensemble's noise prediction (B, ...) and its derivatives (n, B, ...).

    A weight changes the prediction by its own member's part in the mean, and through x.
    """
    import torch

    which = torch.arange(len(x), device=x.device)

    def said(member: "UNet2DModel", image: torch.Tensor) -> torch.Tensor:
        labels = sample_classes(member, which)
        return member(image, level, class_labels=labels).sample

    each = torch.stack([said(member, x) for member in members])
    mean = each.mean(dim=0)
    turning = each - mean
    for member in members:
        turning += _push(partial(said, member), (x,), (moving,))
    return mean, turning / len(members)


def _push(
    function: "Callable[..., torch.Tensor]",
    at: "tuple[torch.Tensor, ...]",
    along: "tuple[torch.Tensor, ...]",
) -> "torch.Tensor":
    """Return the derivatives of a function at a point along n directions (n, ...)."""
    from torch.func import jvp, vmap

    return vmap(lambda *directions: jvp(function, at, directions)[1])(*along)
