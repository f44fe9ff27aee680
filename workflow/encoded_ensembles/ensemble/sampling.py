"""The ensemble: one sampling loop for all keep masks and all samples.

Source: Dai & Gifford, arXiv 2306.02174: the ensemble predicts the mean of its members' noise
predictions at each step; with all exogenous noise fixed, dropping members gives the counterfactual.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from encoded_ensembles.ensemble.diffusion import Diffusion, diffusion_of
from encoded_ensembles.ensemble.step_noise import Noise, StepNoise
from encoded_ensembles.members.gpu_memory import explain_full_memory
from encoded_ensembles.members.latents import PIXELS, Space
from encoded_ensembles.members.network import sample_classes
from encoded_ensembles.storage.errors import InputError

if TYPE_CHECKING:
    import torch
    from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, UNet2DModel

# ASSUME: same bytes.
SMALLEST_BATCH = 16  # from this size, a row's bytes do not depend on the batch (measured)
# Pixels per batch: 512 images of 8x8, 32 of 32x32 on a processor.
BATCH_PIXELS = {"cpu": 2**15, "cuda": 2**18}
HELD = 2**24  # largest number of values of all trajectories in memory: 64 MiB


def sample(
    members: Sequence["UNet2DModel"],
    *,
    keep: np.ndarray,
    noise: Noise,
    space: Space = PIXELS,
    **options: Any,
) -> np.ndarray:
    """Sample with every keep mask, all from the same exogenous noise.

    Args:
        members: n networks.
        keep: K (A, n) bool; each row keeps at least one member.
        noise: z (T+1, B, C, H, W) float32.
        space: space in which members see images.
        options: other arguments of `sample_groups`.

    Returns:
        (A, B, C, H, W) float32, images.

    Raises:
        ValueError: see `sample_groups`.
    """
    shape = space.image(noise.shape[2:])
    results = np.empty((len(keep), noise.shape[1], *shape), np.float32)
    done = 0
    for group in sample_groups(members, keep=keep, noise=noise, space=space, **options):
        results[done : done + len(group)] = group
        done += len(group)
    return results


def sample_groups(
    members: Sequence["UNet2DModel"],
    *,
    keep: np.ndarray,
    noise: Noise,
    space: Space = PIXELS,
    trajectories: int = 8192,
    **options: Any,
) -> Iterator[np.ndarray]:
    """Sample with every keep mask, a few masks at a time, so that memory does not grow with A.

    Args:
        members: n networks.
        keep: K (A, n) bool; each row keeps at least one member.
        noise: z (T+1, B, C, H, W) float32.
        space: space in which members see images.
        trajectories: largest number of the A*B in memory at once; changes no byte.
        options: other arguments of `sample_pairs`.

    Yields:
        (a, B, C, H, W) float32, the samples of the next a masks.

    Raises:
        ValueError: see `sample_pairs`.
    """
    samples, shape = noise.shape[1], space.image(noise.shape[2:])
    rows = max(1, at_once(shape, limit=trajectories) // samples)
    pairs = sample_pairs(
        members,
        keep=np.repeat(keep, samples, axis=0) if keep.ndim == 2 else keep,
        which=np.tile(np.arange(samples), len(keep)),
        noise=noise,
        space=space,
        trajectories=rows * samples,
        **options,
    )
    for group in pairs:
        yield group.reshape(-1, samples, *shape)


def sample_pairs(
    members: Sequence["UNet2DModel"],
    *,
    keep: np.ndarray,
    which: np.ndarray,
    noise: Noise,
    sampler: "str | Diffusion",
    device: "torch.device",
    numbers: np.ndarray | None = None,
    space: Space = PIXELS,
    batch: int | None = None,
    trajectories: int = 8192,
    scheduler: "DDIMScheduler | DPMSolverMultistepScheduler | None" = None,
    track: Callable[[Iterator[Any], int], Iterator[Any]] = lambda items, total: items,
) -> Iterator[np.ndarray]:
    """Sample pairs of a keep mask and a sample, `trajectories` of them at a time.

    Args:
        members: n networks.
        keep: (P, n) bool, the mask of each pair; each row keeps at least one member.
        which: (P,) int64 in 0..B-1, the sample of each pair, as a position in the noise.
        noise: z (T+1, B, C, H, W) float32.
        sampler: one of `members.names.SAMPLERS`, or another process.
        device: device of the members.
        numbers: (B,) int64, the numbers of the noise's samples in the run: a member with classes is
            conditioned on number % classes. None: 0..B-1, all samples of a run.
        space: space in which members see images.
        batch: rows that a member evaluates at once; None: `batch_of` the images.
        trajectories: number in memory at once; changes no byte.
        scheduler: replaces that of `make_scheduler`; its number of steps is set here.
        track: wraps the iteration over the steps of all groups; its second argument is their number.

    Yields:
        (p, C, H, W) float32, the images of the next p pairs.

    Raises:
        ValueError: a row keeps no member, shapes do not match, or `batch` is below 1.
        InputError: an image is not finite.
    """
    numbers = np.arange(noise.shape[1]) if numbers is None else np.asarray(numbers)
    if numbers.shape != noise.shape[1:2]:
        raise ValueError(f"numbers has shape {numbers.shape}, expected {noise.shape[1:2]}")
    if keep.ndim != 2 or keep.shape[1] != len(members):
        raise ValueError(f"keep has shape {keep.shape}, expected (A, {len(members)})")
    if not keep.any(axis=1).all():
        raise ValueError(f"row {int(np.argmin(keep.any(axis=1)))} of keep keeps no member")
    batch = batch or batch_of(noise.shape[2:], kind=device.type)
    if batch < 1:
        raise ValueError(f"batch is {batch}, expected at least 1")
    import torch

    z = StepNoise(noise, device)
    numbered = torch.from_numpy(numbers.astype(np.int64)).to(device)
    diffusion = diffusion_of(sampler, bounded=space.bounded, scheduler=scheduler)
    starts = range(0, len(keep), trajectories)

    def steps() -> Iterator[np.ndarray | None]:
        for start in starts:
            part = slice(start, start + trajectories)
            yield from _sample_group(
                members, keep[part], which[part], z, numbered, diffusion, space, batch=batch
            )  # fmt: skip

    for images in track(steps(), (len(noise) - 1) * len(starts)):
        if images is not None:
            if not np.isfinite(images).all():
                raise InputError(
                    "members sample images with values that are not finite, expected finite ones: weights of a member "
                    "are broken, or too large for sampling.precision."
                )
            yield images


def batch_of(shape: tuple[int, ...], *, kind: str) -> int:
    """Return the number of images (C, H, W) that a member evaluates at once on a kind of device.

    On a processor, more are no faster (measured) and need more memory; a GPU needs more to be busy.
    """
    return max(
        SMALLEST_BATCH, BATCH_PIXELS.get(kind, BATCH_PIXELS["cuda"]) // (shape[1] * shape[2])
    )


def at_once(shape: tuple[int, ...], *, limit: int) -> int:
    """Return the number of trajectories of images (C, H, W) in memory: `limit`, fewer if large."""
    return max(1, min(limit, HELD // int(np.prod(shape))))


def _sample_group(
    members: Sequence["UNet2DModel"],
    keep: np.ndarray,
    which: np.ndarray,
    z: StepNoise,
    numbers: "torch.Tensor",
    diffusion: Diffusion,
    space: Space,
    *,
    batch: int,
) -> Iterator[np.ndarray | None]:
    """Sample some pairs together; yield None after each step, and the images after the last."""
    import torch

    trajectory = diffusion.begin(len(z) - 1, z.shape[2:])
    # Transferred before the loop, so that on a GPU no step waits for the host.
    seen_by = [torch.from_numpy(np.flatnonzero(column)).to(z.device) for column in keep.T]
    kept = torch.from_numpy(keep.sum(axis=1)).to(z.device).view(-1, 1, 1, 1)
    sample_of = torch.from_numpy(which).to(z.device)
    numbers_of = numbers[sample_of]
    levels = trajectory.levels.to(z.device)
    x = trajectory.start(z[0][sample_of])
    for number, level in enumerate(trajectory.levels, start=1):
        with torch.inference_mode():
            seen = trajectory.noisy(x, level)
            total = torch.zeros_like(x)
            for m, rows in enumerate(seen_by):
                if len(rows):  # do not read a member without rows: it may be streamed
                    predicted = predict(
                        members[m],
                        seen[rows],
                        levels[number - 1],
                        numbers=numbers_of[rows],
                        batch=batch,
                    )
                    total.index_add_(0, rows, predicted)
            x = trajectory.step(total / kept, level, x, z[min(number, len(z) - 1)][sample_of])
            images = space.decode(x).cpu().numpy() if number == len(levels) else None
        yield images


def predict(
    member: "UNet2DModel",
    x: "torch.Tensor",
    level: "torch.Tensor",
    *,
    numbers: "torch.Tensor",
    batch: int,
) -> "torch.Tensor":
    """Return a member's noise prediction for (N, C, H, W) images at one level, `batch` at a time.

    Short batches are padded to 16 rows, or to `batch` where it is smaller, so that a row's result does not
    depend on the others.
    `numbers` (N,) int64 are the numbers of the rows' samples: a member with classes is conditioned on
    number % classes. A row's position is not used, since a sample may be drawn alone.
    """
    import torch

    parts = []
    for part, number in zip(x.split(batch), numbers.split(batch), strict=True):
        missing = min(batch, SMALLEST_BATCH) - len(part)
        if missing > 0:
            part = torch.cat([part, part.new_zeros(missing, *part.shape[1:])])
            number = torch.cat([number, number.new_zeros(missing)])
        with explain_full_memory(len(part), "lower sampling.batch (--batch)"):
            predicted = member(part, level.to(x.device), **condition(member, number)).sample
        predicted = predicted.to(x.dtype)
        parts.append(predicted[:-missing] if missing > 0 else predicted)
    return torch.cat(parts)


def condition(member: Any, numbers: "torch.Tensor") -> "dict[str, torch.Tensor]":
    """Return what a member is conditioned on beside the level, for samples of these numbers (N,).

    A member with prompts gets the numbers themselves (`members.prompted`).
    """
    if getattr(member, "prompted", False):
        return {"numbers": numbers}
    labels = sample_classes(member, numbers)
    return {} if labels is None else {"class_labels": labels}
