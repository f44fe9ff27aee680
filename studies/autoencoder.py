"""Train a small autoencoder on images that no member sees, to try latent ensembles with.

    python studies/autoencoder.py results/latents/data/spare.npz resources/autoencoder

A diffusers AutoencoderKL: 4x4 pixels become a place of four numbers. Source: Rombach et al., arXiv 2112.10752,
without the perceptual and adversarial losses.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from encoded_ensembles.data.images import read_images, to_signed
from encoded_ensembles.members.network import import_network, save_network
from encoded_ensembles.progress import track

KL = 1e-6  # weight of the divergence from a normal distribution, as published


def build(channels: int, widths: list[int]) -> torch.nn.Module:
    """Return an untrained autoencoder that halves images at each width but the last."""
    return import_network("AutoencoderKL")(
        in_channels=channels, out_channels=channels, latent_channels=4, block_out_channels=widths,
        down_block_types=("DownEncoderBlock2D",) * len(widths),
        up_block_types=("UpDecoderBlock2D",) * len(widths), layers_per_block=1, norm_num_groups=8,
    )  # fmt: skip


def train(network: torch.nn.Module, images: torch.Tensor, *, epochs: int, batch: int) -> None:
    """Train on images (N, C, H, W) in [-1, 1]; prints the error of reconstruction."""
    adam = torch.optim.Adam(network.parameters(), lr=1e-3)
    steps = epochs * (len(images) // batch)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    for _ in track(iter(range(steps)), label="autoencoder", total=steps):
        rows = torch.randint(len(images), (batch,))
        latent = network.encode(images[rows]).latent_dist
        error = (network.decode(latent.sample()).sample - images[rows]).abs().mean()
        (error + KL * latent.kl().mean()).backward()
        adam.step()
        adam.zero_grad()
        falling.step()
    print(f"mean absolute error of the last batch: {error.item():.3f} of [-1, 1]")


def main() -> None:
    """Train, scale latents to a mean of 0 and a deviation of 1, and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path, help=".npz of fetch-dataset")
    parser.add_argument("output", type=Path, help="folder")
    parser.add_argument("--widths", type=int, nargs="+", default=[16, 32, 32])
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--batch", type=int, default=32)
    given = parser.parse_args()
    torch.manual_seed(0)
    images = torch.from_numpy(to_signed(read_images(given.images).images))
    if len(images) < given.batch:
        parser.error(f"{given.images} holds {len(images)} images, expected {given.batch} (--batch)")
    network = build(images.shape[1], given.widths)
    train(network, images, epochs=given.epochs, batch=given.batch)
    network.eval()
    with torch.no_grad():
        latents = torch.cat([network.encode(each).latent_dist.mode() for each in images.split(64)])
    network.register_to_config(
        shift_factor=float(np.round(latents.mean(), 4)),
        scaling_factor=float(np.round(1 / latents.std(), 4)),
    )
    save_network(network, given.output)


if __name__ == "__main__":
    main()
