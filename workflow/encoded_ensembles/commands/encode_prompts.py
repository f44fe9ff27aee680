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
    steps: Annotated[int, Option(help="steps of sampling")],
    levels: Annotated[
        int, Option(help="highest noise level of contrasts, which sampling has to have a step at")
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
    guidance: Annotated[
        float | None, Option(help="guidance of the run, refused if the base takes none")
    ] = None,
    cut: Cut = False,
    device: Device = "auto",
) -> None:
    """Encode the prompts of samples by a pipeline's text encoders.

    Raises:
        InputError: a prompt is too long, the scheduler or guidance does not fit the base, or its steps end above `levels`.
    """
    import numpy as np

    from encoded_ensembles.data.images import read_images
    from encoded_ensembles.members.device import choose_device
    from encoded_ensembles.members.latents import latent_shape
    from encoded_ensembles.members.pipeline_kinds import check_guidance
    from encoded_ensembles.members.prompted import TextDiffusion, read_pipeline
    from encoded_ensembles.members.prompts import load_encoders
    from encoded_ensembles.members.samplers import choose_sampler
    from encoded_ensembles.members.text_arrays import embedded_prompts
    from encoded_ensembles.storage.files import InputError, write_arrays

    facts = read_pipeline(base)
    choose_sampler(facts["scheduler"], scheduler)
    images = read_images(data)
    parts, (height, width, channels) = read_fetched(pipeline, base, images), images.images.shape[1:]
    check_guidance(parts.config(parts.kind.denoiser), guidance)
    shape = latent_shape(parts.config("vae"), (channels, height, width))
    lowest = int(min(TextDiffusion(facts, scheduler).begin(steps, shape).levels))
    if lowest > levels:
        raise InputError(
            f"contrast.levels is {levels}, but {steps} steps of {scheduler} (sampling.steps, sampling.scheduler) go "
            f"down to noise level {lowest} only; raise one of the two numbers."
        )
    encoders = load_encoders(parts, device=choose_device(device))
    size = height, width
    write_arrays(
        output,
        {"prompts": np.array(prompt)}
        | embedded_prompts(encoders, prompt, negative, size=size, cut=cut),
    )
