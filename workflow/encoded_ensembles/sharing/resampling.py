"""One counterfactual sampled alone, for a certificate: the same bytes as in the landscape."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from encoded_ensembles.ensemble.sampling import sample as draw
from encoded_ensembles.members.device import choose_device
from encoded_ensembles.members.latents import load_space
from encoded_ensembles.members.load import load_members
from encoded_ensembles.runs import layout
from encoded_ensembles.runs.run import Run
from encoded_ensembles.sharing.certificates import kept_without
from encoded_ensembles.storage.files import InputError, read_tensors

if TYPE_CHECKING:
    from encoded_ensembles.ensemble.diffusion import Diffusion


def counterfactual(
    run: Run, sample: int, units: list[str], device: str
) -> tuple[np.ndarray, np.ndarray]:
    """Sample one counterfactual without some units; return it (C, H, W) and the keep mask (n,)."""
    options = run.sampling
    if options["compile"] or options["precision"] != "float32":
        raise InputError(
            f"sampling.precision is {options['precision']} and sampling.compile {options['compile']}, expected "
            "float32 and false: otherwise a picture sampled alone does not have the same bytes."
        )
    _, keep = kept_without(run, units)
    place = choose_device(device)
    noise = read_tensors(run.folder / layout.NOISE, names=["noise"])["noise"]
    kept = [folder for folder, stays in zip(run.member_folders, keep, strict=True) if stays]
    members: Sequence[Any]
    sampler: str | Diffusion = options["scheduler"]
    if run.prompting:
        from encoded_ensembles.ensemble.engine import place_prompted

        members, sampler = place_prompted(
            kept, device=place, sampler=str(sampler), precision="float32", compiled=False,
            **run.prompting,
        )  # fmt: skip
    else:
        members = load_members(kept, device=place)
    drawn = draw(
        members,
        keep=keep[keep][None],
        noise=noise[:, sample : sample + 1],
        numbers=np.array([sample]),
        sampler=sampler,
        device=place,
        space=load_space(run.autoencoder, device=place),
        batch=options["batch"],
    )
    return drawn[0, 0], keep
