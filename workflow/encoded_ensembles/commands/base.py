"""encens fetch-base: the base network whose adapters members are."""

from pathlib import Path
from typing import Annotated

from typer import Option


def fetch_base(
    base: Annotated[
        str,
        Option(
            help="folder as diffusers' UNet2DModel.save_pretrained writes it, or a name on the Hugging Face Hub"
        ),
    ],
    output: Annotated[Path, Option(help="output folder: config.json and weights (safetensors)")],
    digest: Annotated[Path, Option(help="output, .json: the SHA-256 of both files")],
) -> None:
    """Keep a copy of a base network with the run, so that the run holds all that its samples hang on.

    A folder is copied, and sealed if it is not. What is no folder is taken from the hub, or from its cache
    here.
    """
    import tempfile

    from encoded_ensembles.files import InputError, write_facts
    from encoded_ensembles.finetune import base_digests, copy_base
    from encoded_ensembles.unet import import_unet

    with tempfile.TemporaryDirectory() as downloaded:
        folder = Path(base)
        if not folder.is_dir():
            folder = Path(downloaded)
            try:
                network = import_unet().from_pretrained(base, use_safetensors=True)
                network.save_pretrained(folder)
            except Exception as error:  # the hub's client and diffusers each raise their own
                raise InputError(
                    f"model.base is {base}, which is no folder here and could not be had from the "
                    f"Hugging Face Hub ({' '.join(str(error).split())[:200]}); name a folder."
                ) from error
        copy_base(folder, output)
    write_facts(digest, {"sha256": base_digests(output)})
