"""encens fetch-base."""

from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.files import NetworkDigest, NetworkFolder


def fetch_base(
    base: Annotated[
        str,
        Option(
            help="folder as diffusers' UNet2DModel.save_pretrained writes it, or a name on the Hugging Face Hub"
        ),
    ],
    output: NetworkFolder,
    digest: NetworkDigest,
) -> None:
    """Keep a copy of a base network with the run, so that the run holds all that its samples hang on.

    A folder is copied, and sealed if it is not. What is no folder is taken from the hub, or from its cache
    here.
    """
    from encoded_ensembles.members.given import fetch

    fetch("base", base, output, digest)
