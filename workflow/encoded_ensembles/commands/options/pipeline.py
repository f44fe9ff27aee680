"""The pipeline that a text-to-image run takes as its base, and its texts."""

from typing import Annotated

from typer import Option

Pipeline = Annotated[
    str,
    Option(
        help="folder of a text-to-image pipeline as diffusers' save_pretrained writes it, or a name on the Hugging Face Hub"
    ),
]
Cut = Annotated[bool, Option(help="cut texts that are too long for a text encoder, and list them")]
