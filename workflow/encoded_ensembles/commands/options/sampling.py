"""How samples are drawn, and from which members and noise."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from encoded_ensembles.commands.options.features import Device

Members = Annotated[
    list[Path], Argument(help="folders of the members in order, each with config.json and weights")
]
Full = Annotated[Path, Option(help="folder of the single-model baseline")]
Noise = Annotated[Path, Option(help="exogenous noise, .safetensors of draw-noise")]
Block = Annotated[str, Option(help="share of the work, such as 1-of-4")]
Scheduler = Annotated[
    str,
    Option(
        help="ddpm, ddpm-unclipped, ddpm-archive, ddim or dpmsolver++; with --prompts ddpm, ddim, dpmsolver++, euler, or base for that of the pipeline"
    ),
]
Precision = Annotated[str, Option(help="arithmetic of the members, float32, bfloat16 or float16")]
Compiled = Annotated[bool, Option(help="compile the members with torch.compile")]
Batch = Annotated[
    int | None,
    Option(
        help="rows that a member evaluates at once; if absent that of the run, or set by image size"
    ),
]
Autoencoder = Annotated[
    Path | None,
    Option(help="folder of the autoencoder whose latents members see; pixels if absent"),
]
TextBase = Annotated[
    Path | None,
    Option(help="folder of the base, of fetch-pipeline, if members are adapters of a pipeline"),
]
Prompts = Annotated[
    Path | None, Option(help="embeddings of the samples' prompts, .npz of encode-prompts")
]
Guidance = Annotated[
    float | None, Option(help="factor of classifier-free guidance; none if absent or at most 1")
]


@dataclass(frozen=True)
class Sampling:
    """Options of all verbs that sample."""

    scheduler: Scheduler = "ddpm"
    precision: Precision = "float32"
    compiled: Compiled = False
    batch: Batch = None
    autoencoder: Autoencoder = None
    base: TextBase = None
    prompts: Prompts = None
    guidance: Guidance = None
    device: Device = "auto"


def share_of(block: str) -> tuple[int, int]:
    """Return "2-of-4" as (1, 4): the share's number, from 0, and the number of shares.

    Raises:
        InputError: the text is no such share.
    """
    from encoded_ensembles.storage.files import InputError

    number, middle, blocks = block.partition("-of-")
    if not (middle and number.isdigit() and blocks.isdigit() and 1 <= int(number) <= int(blocks)):
        raise InputError(f"--block is {block}, expected a share such as 1-of-4.")
    return int(number) - 1, int(blocks)
