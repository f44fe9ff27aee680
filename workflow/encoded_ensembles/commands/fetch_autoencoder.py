"""encens fetch-autoencoder."""

from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.files import NetworkDigest, NetworkFolder


def fetch_autoencoder(
    autoencoder: Annotated[
        str,
        Option(
            help="folder as diffusers' AutoencoderKL.save_pretrained writes it, or a name on the Hugging Face Hub"
        ),
    ],
    output: NetworkFolder,
    digest: NetworkDigest,
) -> None:
    """Keep a copy of the autoencoder whose latents members see with the run, as fetch-base does."""
    from encoded_ensembles.members.given import fetch

    fetch("autoencoder", autoencoder, output, digest)
