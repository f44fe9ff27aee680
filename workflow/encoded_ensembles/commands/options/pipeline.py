"""The pipeline that a text-to-image run takes as its base, and its texts."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

if TYPE_CHECKING:
    from encoded_ensembles.data.images import ImageSet
    from encoded_ensembles.members.parts import Parts

Pipeline = Annotated[
    str,
    Option(
        help="folder of a text-to-image pipeline as diffusers' save_pretrained writes it, or a name on the Hugging Face Hub, NAME or NAME@REVISION"
    ),
]
Base = Annotated[Path, Option(help="base of fetch-pipeline, which names the pipeline's files")]
Cut = Annotated[bool, Option(help="cut texts that are too long for a text encoder, and list them")]


def read_fetched(pipeline: str, base: Path, images: "ImageSet") -> "Parts":
    """Find the parts of the pipeline that a run's base was taken from, to encode texts with.

    Args:
        pipeline: folder or name.
        base: of fetch-pipeline.
        images: of the run.

    Raises:
        InputError: its text encoders are not those that it had then, or the images do not fit it.
    """
    from encoded_ensembles.members.latents import latent_shape
    from encoded_ensembles.members.parts import check_files, read_parts
    from encoded_ensembles.members.pipeline_kinds import token_side
    from encoded_ensembles.members.prompted import read_pipeline

    parts = read_parts(pipeline)
    roles = [*parts.encoders, *parts.tokenizers]
    check_files(parts, read_pipeline(base)["files"], roles=roles)
    height, width, channels = images.images.shape[1:]
    patch = token_side(parts.config(parts.kind.denoiser))
    latent_shape(parts.config("vae"), (channels, height, width), patch=patch)
    return parts
