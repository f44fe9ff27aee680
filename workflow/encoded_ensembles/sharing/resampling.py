"""One counterfactual sampled alone, for a certificate: the same bytes as in the landscape."""

from typing import TYPE_CHECKING, Any

import numpy as np

from encoded_ensembles.ensemble.sampling import SMALLEST_BATCH
from encoded_ensembles.ensemble.sampling import sample as draw
from encoded_ensembles.members.device import choose_device
from encoded_ensembles.members.latents import load_space
from encoded_ensembles.runs import layout
from encoded_ensembles.runs.run import Run
from encoded_ensembles.sharing.certificates import kept_without
from encoded_ensembles.storage.files import InputError, read_tensors

if TYPE_CHECKING:
    from encoded_ensembles.ensemble.diffusion import Diffusion


def counterfactual(
    run: Run, sample: int, units: list[str], device: str
) -> tuple[np.ndarray, np.ndarray]:
    """Sample one counterfactual without some units; return it (C, H, W) and the keep mask (n,).

    In bfloat16 and float16 a row's bytes depend on the size of its batch; up to SMALLEST_BATCH rows, all batches are padded
    to one size.

    Raises:
        InputError: the run was sampled in a way that gives a picture sampled alone other bytes.
    """
    from encoded_ensembles.ensemble.engine import load_placed, place_prompted

    options = run.sampling
    precision, batch = options["precision"], options["batch"]
    padded = batch is not None and batch <= SMALLEST_BATCH
    if options["compile"] or not (precision == "float32" or padded):
        raise InputError(
            f"sampling.compile is {options['compile']}, sampling.precision {precision} and sampling.batch {batch}, "
            f"expected no compilation, and float32 or batches of at most {SMALLEST_BATCH}: otherwise a picture "
            "sampled alone does not have the same bytes."
        )
    _, keep = kept_without(run, units)
    place = choose_device(device)
    noise = read_tensors(run.folder / layout.NOISE, names=["noise"])["noise"]
    kept = [folder for folder, stays in zip(run.member_folders, keep, strict=True) if stays]
    sampler: str | Diffusion = options["scheduler"]
    how: dict[str, Any] = {"precision": precision, "compiled": False}
    if run.prompting:
        members, sampler = place_prompted(
            kept, device=place, sampler=str(sampler), **how, **run.prompting
        )
    else:
        members = load_placed(kept, place, **how)
    drawn = draw(
        members,
        keep=keep[keep][None],
        noise=noise[:, sample : sample + 1],
        numbers=np.array([sample]),
        sampler=sampler,
        device=place,
        space=load_space(run.autoencoder, device=place),
        batch=batch,
    )
    return drawn[0, 0], keep
