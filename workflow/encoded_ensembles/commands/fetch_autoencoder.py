"""encens fetch-autoencoder."""

from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.files import NetworkDigest, NetworkFolder


def fetch_autoencoder(
    autoencoder: Annotated[
        str,
        Option(
            help="folder written by diffusers' AutoencoderKL.save_pretrained, or a name on the Hugging Face Hub"
        ),
    ],
    output: NetworkFolder,
    digest: NetworkDigest,
) -> None:
    """Copy the autoencoder whose latents members see into the run, as fetch-base does."""
    from encoded_ensembles.members.given import fetch

    fetch("autoencoder", autoencoder, output, digest)
