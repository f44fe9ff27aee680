"""encens fetch-perceptual: the weights of a perceptual distance."""

from pathlib import Path
from typing import Annotated

from typer import Option


def fetch_perceptual(
    output: Annotated[Path, Option(help="output, .safetensors")],
) -> None:
    """Take the weights of shift-tolerant LPIPS from the installed package stlpips_pytorch."""
    from encoded_ensembles.features.perceptual import take_weights

    take_weights(output)
