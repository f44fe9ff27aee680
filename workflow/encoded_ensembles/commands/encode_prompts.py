"""encens encode-prompts: embeddings of the prompts of samples."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.features import Device
from encoded_ensembles.commands.options.files import Data
from encoded_ensembles.commands.options.pipeline import Base, Cut, Pipeline, read_fetched


def encode_prompts(
    pipeline: Pipeline,
    base: Base,
    data: Data,
    prompt: Annotated[
        list[str], Option(help="prompt; repeatable: sample b has the prompt b modulo their number")
    ],
    scheduler: Annotated[
        str, Option(help="sampler of the run, refused before training if it does not fit the base")
    ],
    output: Annotated[
        Path,
        Option(
            help="output, .npz: prompts (P,), their embeddings, nothing_*, those of no prompt, and negative_*, of the negative one"
        ),
    ],
    negative: Annotated[
        str | None, Option(help="prompt that guidance leads away from; none if absent")
    ] = None,
    cut: Cut = False,
    device: Device = "auto",
) -> None:
    """Encode the prompts of samples by a pipeline's text encoders."""
    import numpy as np

    from encoded_ensembles.data.images import read_images
    from encoded_ensembles.members.device import choose_device
    from encoded_ensembles.members.prompted import read_pipeline
    from encoded_ensembles.members.prompts import load_encoders
    from encoded_ensembles.members.samplers import choose_sampler
    from encoded_ensembles.members.text_arrays import embedded_prompts
    from encoded_ensembles.storage.files import write_arrays

    choose_sampler(read_pipeline(base)["scheduler"], scheduler)
    images = read_images(data)
    encoders = load_encoders(read_fetched(pipeline, base, images), device=choose_device(device))
    size = images.images.shape[1:3]
    write_arrays(
        output,
        {"prompts": np.array(prompt)}
        | embedded_prompts(encoders, prompt, negative, size=size, cut=cut),
    )
