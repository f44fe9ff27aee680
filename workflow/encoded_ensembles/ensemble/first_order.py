"""First-order influence: the derivative of a sample in the weight of each member.

With weights a_m the ensemble predicts the mean of its members' predictions, weighted by a_m / sum a. All
are 1; dropping member m takes a_m to 0. Derivatives add up over the members of a unit's word to its
predicted displacement. Sources: the published code of arXiv 2306.02174, and arXiv 2406.07908, which calls this differential
ablation.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch
    from diffusers import UNet2DModel


def derivatives(
    members: Sequence["UNet2DModel"], *, noise: np.ndarray, sampler: str, device: "torch.device"
) -> np.ndarray:
    """Differentiate samples in the weight of each member, by forward mode, for all members at once.

    Args:
        members: n networks without gradients, of the precision of the noise.
        noise: z (T+1, B, C, H, W).
        sampler: one of `members.names.SAMPLERS`; a clipping after the last step is left out.
        device: where the members are.

    Returns:
        (n, B, C, H, W); less it is the displacement of dropping a member, to first order.
    """
    import torch
    from torch.func import jvp, vmap

    from encoded_ensembles.ensemble.diffusion import make_scheduler, take_step
    from encoded_ensembles.members.network import sample_classes

    z = torch.from_numpy(noise).to(device)
    which = torch.arange(z.shape[1], device=device)
    ones = torch.ones(len(members), dtype=z.dtype, device=device)
    scheduler = make_scheduler(steps=len(z) - 1, sampler=sampler)  # remembers steps: for one call

    def sample(weights: torch.Tensor) -> torch.Tensor:
        x = z[0]
        for number, level in enumerate(scheduler.timesteps, start=1):
            said = [
                weight * member(x, level, class_labels=sample_classes(member, which)).sample
                for weight, member in zip(weights, members, strict=True)
            ]
            # DEVIATES: First-order influence.
            mean = torch.stack(said).sum(dim=0) / weights.sum()
            x = take_step(scheduler, mean, level, x, z[number], sampler=sampler)
        return x

    with torch.no_grad():
        directions = torch.eye(len(members), dtype=z.dtype, device=device)
        moved = vmap(lambda along: jvp(sample, (ones,), (along,))[1])(directions)
    return moved.cpu().numpy()
