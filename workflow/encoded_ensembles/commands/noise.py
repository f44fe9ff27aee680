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
) -> None:
    """Fix all the randomness of sampling in a file."""
    from encoded_ensembles.data import read_images
    from encoded_ensembles.files import write_tensors
    from encoded_ensembles.noise import draw_noise as draw

    height, width, channels = read_images(data).images.shape[1:]
    z = draw(steps=steps, samples=samples, shape=(channels, height, width), seed=seed)
    write_tensors(output, {"noise": z})
