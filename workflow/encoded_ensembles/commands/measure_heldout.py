"""encens measure-heldout: losses and samples of held-out models."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from encoded_ensembles.commands.options.files import Code, Samples
from encoded_ensembles.commands.options.sampling import Noise, Sampling
from encoded_ensembles.commands.options.spread import spread


@spread
def measure_heldout(
    models: Annotated[
        Path, Argument(help="folder of the models, in folders {half}.{repeat}, both from 0")
    ],
    code: Code,
    noise: Noise,
    samples: Samples,
    output: Annotated[
        Path,
        Option(
            help="output, .safetensors: units (M, U) bool, loss (M, B), samples (M, S, B, C, H, W)"
        ),
    ],
    halves: Annotated[int, Option(help="M, random halves")],
    repeats: Annotated[int, Option(help="S, trainings on each half")],
    share: Annotated[float, Option(help="share of the units that a model saw")],
    half_seed: Annotated[int, Option(help="seed of the halves")],
    sampling: Sampling,
    draws: Annotated[int, Option(help="noisy copies of each sample whose loss is averaged")] = 100,
) -> None:
    """Measure the denoising loss of held-out models on the samples, and sample with them.

    loss: mean over the trainings on a half. samples: from the same exogenous noise.
    """
    import numpy as np

    from encoded_ensembles.codes.splits import random_half
    from encoded_ensembles.ensemble.engine import sample_rows
    from encoded_ensembles.ensemble.loss import denoising_losses
    from encoded_ensembles.members.device import choose_device
    from encoded_ensembles.members.latents import load_space
    from encoded_ensembles.members.load import load_unet
    from encoded_ensembles.storage.files import read_arrays, read_tensors, write_tensors

    names = read_arrays(code)["unit_names"]
    folders = [models / f"{half}.{repeat}" for half in range(halves) for repeat in range(repeats)]
    factual = read_tensors(samples, names=["factual"])["factual"]
    where = choose_device(sampling.device)
    seen = load_space(sampling.autoencoder, device=where).encode(factual)
    keep = np.eye(len(folders), dtype=bool)
    drawn = sample_rows(folders, keep, noise, label="held-out models", **vars(sampling))
    losses = [
        denoising_losses(
            load_unet(folder, device=where),
            seen,
            draws=draws,
            seed=half_seed,
            batch=sampling.batch,
        )
        for folder in folders
    ]
    write_tensors(
        output,
        {
            "units": np.stack(
                [random_half(names, share=share, model=m, seed=half_seed) for m in range(halves)]
            ),
            "loss": np.reshape(losses, (halves, repeats, -1)).mean(axis=1),
            "samples": drawn.reshape(halves, repeats, *drawn.shape[1:]),
        },
    )
