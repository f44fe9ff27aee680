"""encens fetch-base and fetch-autoencoder: networks that a run is given and does not train."""

from pathlib import Path
from typing import Annotated

from typer import Option

Output = Annotated[Path, Option(help="output folder: config.json and weights (safetensors)")]
Digest = Annotated[Path, Option(help="output, .json: the SHA-256 of both files")]


def fetch_base(
    base: Annotated[
        str,
        Option(
            help="folder as diffusers' UNet2DModel.save_pretrained writes it, or a name on the Hugging Face Hub"
        ),
    ],
    output: Output,
    digest: Digest,
) -> None:
    """Keep a copy of a base network with the run, so that the run holds all that its samples hang on.

    A folder is copied, and sealed if it is not. What is no folder is taken from the hub, or from its cache
    here.
    """
    _fetch("base", base, output, digest)


def fetch_autoencoder(
    autoencoder: Annotated[
        str,
        Option(
            help="folder as diffusers' AutoencoderKL.save_pretrained writes it, or a name on the Hugging Face Hub"
        ),
    ],
    output: Output,
    digest: Digest,
) -> None:
    """Keep a copy of the autoencoder whose latents members see with the run, as fetch-base does."""
    _fetch("autoencoder", autoencoder, output, digest)


def _fetch(part: str, source: str, output: Path, digest: Path) -> None:
    """Copy a network from a folder, or from the hub.

    Raises:
        InputError: it is not there, or of another kind.
    """
    from encoded_ensembles.files import write_facts
    from encoded_ensembles.frozen import copy_frozen, frozen_digests

    copy_frozen(part, source, output)
    write_facts(digest, {"sha256": frozen_digests(output)})
