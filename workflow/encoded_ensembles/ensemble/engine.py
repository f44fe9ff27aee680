"""From files to samples: load and place members, check noise, and sample.

`prepare` returns the arguments of `ensemble.sampling` from folders of members and options of a verb.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from encoded_ensembles.ensemble.diffusion import Diffusion
from encoded_ensembles.ensemble.noise import check_noise
from encoded_ensembles.ensemble.placement import PRECISIONS, hold
from encoded_ensembles.ensemble.sampling import sample
from encoded_ensembles.members.device import choose_device
from encoded_ensembles.members.given import check_trained_on
from encoded_ensembles.members.latents import load_space
from encoded_ensembles.members.load import load_members
from encoded_ensembles.members.names import SAMPLERS
from encoded_ensembles.progress import track
from encoded_ensembles.storage.files import InputError
from encoded_ensembles.storage.large_tensors import LargeTensor

if TYPE_CHECKING:
    from diffusers import UNet2DModel


def check_columns(words: np.ndarray, members: Sequence[Path]) -> np.ndarray:
    """Return the words (A, n) if they have a column for each member.

    Raises:
        InputError: the number of columns is not that of members.
    """
    if words.shape[1] != len(members):
        raise InputError(
            f"{len(members)} members were given, but the code has {words.shape[1]} columns; pass the "
            "folders of all members of one run."
        )
    return words


def sample_rows(
    folders: list[Path], keep: np.ndarray, noise: Path, *, label: str, **sampling: Any
) -> np.ndarray:
    """Load the members in `folders`, and sample (A, B, C, H, W) under keep masks (A, n).

    Args:
        folders: folders of n members.
        keep: (A, n) bool.
        noise: file of exogenous noise.
        label: label of the progress bar.
        sampling: other arguments of `prepare`.
    """
    return sample(keep=keep, **prepare(folders, noise, label=label, **sampling))


def prepare(
    folders: Sequence[Path],
    noise: Path | None,
    *,
    label: str,
    scheduler: str,
    precision: str = "float32",
    compiled: bool = False,
    batch: int | None = None,
    autoencoder: Path | None = None,
    base: Path | None = None,
    prompts: Path | None = None,
    guidance: float | None = None,
    device: str = "auto",
) -> dict[str, Any]:
    """Return the arguments of `sampling.sample` except the keep masks.

    Args:
        folders: folders of the members.
        noise: file of exogenous noise; None if nothing is sampled, then without the key noise.
        label: label of the progress bar.
        scheduler: one of `members.names.SAMPLERS`.
        precision: arithmetic of the members, one of `placement.PRECISIONS`.
        compiled: compile the members.
        batch: rows that a member evaluates at once; None derives it from the size of images.
        autoencoder: folder of the autoencoder whose latents members see; None for pixels.
        base: folder of the base of a text-to-image pipeline that the members are adapters of.
        prompts: embeddings of the samples' prompts, with `base`.
        guidance: of classifier-free guidance, with `base`; None for none.
        device: "auto", "cpu", "cuda" or "cuda:N".

    Raises:
        InputError: an option is out of range, or noise or autoencoder do not fit the members.
    """
    if not prompts and scheduler not in SAMPLERS:
        raise InputError(f"--scheduler is {scheduler}, expected {' or '.join(SAMPLERS)}.")
    if batch is not None and batch < 1:
        raise InputError(f"--batch is {batch}, expected at least 1.")
    if not prompts:
        check_trained_on(folders, autoencoder)
    where, drawn = choose_device(device), {}
    if noise:
        drawn["noise"] = LargeTensor(noise, "noise")
    space = load_space(autoencoder, device=where)
    sampler: str | Diffusion = scheduler
    if prompts:
        members, sampler = place_prompted(
            folders, base, prompts, where,
            sampler=scheduler, guidance=guidance, precision=precision, compiled=compiled,
        )  # fmt: skip
    else:
        members = load_placed(folders, where, precision=precision, compiled=compiled)
    if noise:
        check_noise(drawn["noise"], members[0])
    return {
        "members": members,
        **drawn,
        "sampler": sampler,
        "device": where,
        "space": space,
        "batch": batch,
        "track": lambda steps, total: track(steps, label=label, total=total),
    }


def drawn_shape(engine: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the shape (B, C, H, W) of what `prepare`'s noise is sampled to under a keep mask."""
    _, samples, *shape = engine["noise"].shape
    return samples, *engine["space"].image(tuple(shape))


def load_placed(
    folders: Sequence[Path], device: torch.device, *, precision: str, compiled: bool
) -> "Sequence[UNet2DModel]":
    """Load the members in `folders`, placed for sampling on a device.

    Raises:
        InputError: the precision is unknown.
    """
    if precision not in PRECISIONS:
        raise InputError(f"--precision is {precision}, expected {' or '.join(PRECISIONS)}.")
    members = load_members(folders, device=torch.device("cpu"))
    return hold(members, device=device, precision=precision, compiled=compiled)


def place_prompted(
    folders: Sequence[Path],
    base: Path | None,
    prompts: Path,
    device: torch.device,
    *,
    sampler: str,
    guidance: float | None,
    precision: str,
    compiled: bool,
) -> "tuple[Sequence[Any], Diffusion]":
    """Load members that are adapters of a text-to-image pipeline, and its diffusion process.

    Raises:
        InputError: there is no base, or a file is not complete or not of this base.
    """
    from encoded_ensembles.members.prompted import (
        TextDiffusion,
        load_prompted,
        read_pipeline,
    )

    if base is None:
        raise InputError("--prompts is given without --base, expected both or none.")
    loaded = load_prompted(folders, base, prompts, guidance=guidance, precision=precision)
    # The weights themselves are of the precision; autocast would convert them at each call.
    members = hold(loaded, device=device, precision="float32", compiled=compiled)
    return members, TextDiffusion(read_pipeline(base), sampler)
