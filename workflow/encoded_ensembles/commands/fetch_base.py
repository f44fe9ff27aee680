"""encens fetch-base."""

from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.files import NetworkDigest, NetworkFolder


def fetch_base(
    base: Annotated[
        str,
        Option(
            help="folder written by diffusers' UNet2DModel.save_pretrained, or a name on the Hugging Face Hub"
        ),
    ],
    output: NetworkFolder,
    digest: NetworkDigest,
) -> None:
    """Copy a base network into the run, so that the run holds everything its samples depend on.

    A folder is copied, and sealed if it has no seal. Any other value is taken as a name on the hub, and
    read from the hub or from its cache on this machine.
    """
    from encoded_ensembles.members.given import fetch

    fetch("base", base, output, digest)
