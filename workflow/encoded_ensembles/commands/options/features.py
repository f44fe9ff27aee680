"""Options that choose features of images, and the device that computes them."""

from pathlib import Path
from typing import Annotated

from typer import Option

Classifier = Annotated[Path | None, Option(help="weights of train-classifier")]
Inception = Annotated[Path | None, Option(help="the TorchScript file inception-2015-12-05.pt")]
Perceptual = Annotated[
    Path | None, Option(help="weights of shift-tolerant LPIPS, .safetensors of fetch-perceptual")
]
Device = Annotated[str, Option(help="auto, cpu, cuda or cuda:N")]
