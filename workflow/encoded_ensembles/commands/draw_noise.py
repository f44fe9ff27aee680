"""encens draw-noise."""

from pathlib import Path
from typing import Annotated

from typer import Option


def draw_noise(
    data: Annotated[Path, Option(help="training images, .npz of fetch-dataset: gives the shape")],
    output: Annotated[Path, Option(help="output, .safetensors: noise (T+1, B, C, H, W) float32")],
    samples: Annotated[int, Option(help="B, number of samples")],
    steps: Annotated[int, Option(help="T, sampling steps")],
    seed: Annotated[int, Option(help="seed of the noise")] = 0,
    autoencoder: Annotated[
        Path | None, Option(help="folder of the autoencoder whose latents members see")
    ] = None,
) -> None:
    """Write all random numbers of sampling to a file."""
    from encoded_ensembles.data.images import read_images
    from encoded_ensembles.ensemble.noise import noise_steps
    from encoded_ensembles.members.latents import latent_shape, read_config
    from encoded_ensembles.storage.files import write_growing

    height, width, channels = read_images(data).images.shape[1:]
    shape = (channels, height, width)
    if autoencoder:
        shape = latent_shape(read_config(autoencoder), shape)
    write_growing(
        output,
        {},
        name="noise",
        shape=(steps + 1, samples, *shape),
        rows=noise_steps(steps=steps, samples=samples, shape=shape, seed=seed),
    )
