"""encens encode-prompts: embeddings of the prompts of samples."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.features import Device
from encoded_ensembles.commands.options.files import Data
from encoded_ensembles.commands.options.pipeline import Cut, Pipeline


def encode_prompts(
    pipeline: Pipeline,
    data: Data,
    prompt: Annotated[
        list[str], Option(help="prompt; repeatable: sample b has the prompt b modulo their number")
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
    from encoded_ensembles.members.parts import read_parts
    from encoded_ensembles.members.prompts import load_encoders
    from encoded_ensembles.members.text_arrays import embedded_prompts
    from encoded_ensembles.storage.files import write_arrays

    size = read_images(data).images.shape[1:3]
    encoders = load_encoders(read_parts(pipeline), device=choose_device(device))
    write_arrays(
        output,
        {"prompts": np.array(prompt)}
        | embedded_prompts(encoders, prompt, negative, size=size, cut=cut),
    )
