"""The denoising loss of given images, with fixed levels and noise."""

from typing import TYPE_CHECKING

import numpy as np

from encoded_ensembles.ensemble.sampling import batch_of, predict
from encoded_ensembles.members.names import LEVELS
from encoded_ensembles.randomness import Purpose, generator

if TYPE_CHECKING:
    from diffusers import UNet2DModel


def denoising_losses(
    network: "UNet2DModel", images: np.ndarray, *, draws: int, seed: int, batch: int | None = None
) -> np.ndarray:
    """Return the mean squared error of the noise prediction, over evenly spaced levels.

    Every network sees the same noisy images: draw d of image b depends only on (seed, b, d).

    Args:
        network: network in evaluation mode.
        images: (B, C, H, W) float32, as the network sees them: all samples of a run, in order.
        draws: D, noisy copies of each image, one level each.
        seed: seed of the noise.
        batch: rows that the network evaluates at once; None: `batch_of` the images.

    Returns:
        (B,) float64.
    """
    import torch
    from diffusers import DDPMScheduler

    scheduler = DDPMScheduler(num_train_timesteps=LEVELS)
    clean = torch.from_numpy(images).to(network.device)
    batch = batch or batch_of(images.shape[1:], kind=network.device.type)
    numbers = torch.arange(len(clean), device=network.device)
    total = np.zeros(len(images))
    for draw in range(draws):
        level = torch.tensor([int((draw + 0.5) * LEVELS / draws)], device=network.device)
        noise = torch.from_numpy(
            np.stack(
                [
                    generator(
                        seed=seed, purpose=Purpose.LOSS, key=number, counter=draw
                    ).standard_normal(images.shape[1:], dtype=np.float32)
                    for number in range(len(images))
                ]
            )
        ).to(network.device)
        with torch.inference_mode():
            predicted = predict(
                network,
                scheduler.add_noise(clean, noise, level),
                level[0],
                numbers=numbers,
                batch=batch,
            )
        total += (predicted - noise).square().mean(dim=(1, 2, 3)).double().cpu().numpy()
    return total / draws
