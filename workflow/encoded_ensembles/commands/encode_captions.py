"""encens encode-captions: embeddings of the captions of training images, once for all members."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.features import Device
from encoded_ensembles.commands.options.files import Data
from encoded_ensembles.commands.options.pipeline import Base, Cut, Pipeline, read_fetched


def encode_captions(
    pipeline: Pipeline,
    base: Base,
    data: Data,
    captions: Annotated[Path, Option(help="captions, .parquet of fetch-dataset")],
    output: Annotated[
        Path,
        Option(
            help="output, .npz: names (N,), row (N,) int64 of each image's caption among the K of captions (K,), their embeddings, and nothing_*, those of no prompt"
        ),
    ],
    cut: Cut = False,
    device: Device = "auto",
) -> None:
    """Encode the distinct captions of training images by a pipeline's text encoders."""
    from encoded_ensembles.data.captions import with_captions
    from encoded_ensembles.data.images import read_images
    from encoded_ensembles.members.device import choose_device
    from encoded_ensembles.members.prompts import load_encoders
    from encoded_ensembles.members.text_arrays import embedded
    from encoded_ensembles.storage.files import write_arrays

    images = with_captions(read_images(data), captions)
    texts = images.label_names
    encoders = load_encoders(read_fetched(pipeline, base, images), device=choose_device(device))
    size = images.images.shape[1:3]
    write_arrays(
        output,
        {"names": images.names, "row": images.labels, "captions": texts}
        | embedded(encoders, texts.tolist(), size=size, cut=cut)
        | embedded(encoders, None, size=size),
    )
