"""What stands in a job for members, for an autoencoder, for pictures to download, and for repeated work.

Only the modules that a verb needs are imported, so that the rest of its memory stays as it is.
"""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

STEPS = 3  # sampling steps that are taken, of those that the noise is for
FOLLOWED = 7  # of a trajectory that is followed; 2 of them at noise levels up to 300
LEVELS = 2  # at which given pictures are denoised
CALLS = 20  # of a function of one unit, or of a part of the images, that are computed
PEOPLE, TRAINED_ON = 10_177, 8192  # of CelebA, and those of its training part
FACES = {"0": 162_770, "1": 19_867, "2": 19_962}  # pictures of each official part


def put_in_place(verb: str) -> None:
    """Replace what the jobs of a verb take too long for, or cannot do without a network."""
    for verbs, replace in (
        ({"fetch-dataset"}, replace_downloads),
        ({"sample-ensemble", "sample-frechet", "ablate-block", "follow-members", "follow-queries"}, replace_members),
        ({"sample-ensemble", "sample-frechet", "ablate-block", "follow-members", "follow-queries", "train-member"}, replace_autoencoder),
        ({"follow-members", "follow-queries", "score-rivals"}, repeat_samples),
        ({"follow-members", "follow-queries"}, repeat_pulls),
        ({"follow-queries"}, take_fewer_levels),
        ({"train-member"}, shorten_training),
        ({"train-classifier"}, shorten_classifier),
        ({"measure-influence"}, repeat_units),
    ):  # fmt: skip
        if verb in verbs:
            replace()


def replace_members() -> None:
    """Members are one multiplication, and a few steps are taken. The noise of all steps is read."""
    import torch
    from encoded_ensembles.ensemble import engine, sampling, trajectory

    class Tiny(torch.nn.Module):
        config = SimpleNamespace(num_class_embeds=None)

        def forward(self, x: torch.Tensor, level: torch.Tensor) -> SimpleNamespace:
            return SimpleNamespace(sample=0.9 * x)

    def load(folders: Sequence[Path], *_: Any, **__: Any) -> list[Tiny]:
        return [Tiny()] * len(folders)

    replaced: dict[str, Any] = {
        "load_placed": load,
        "check_noise": lambda *_: None,
        "check_trained_on": lambda *_: None,
    }
    for name, value in replaced.items():
        setattr(engine, name, value)
    sampling.diffusion_of = _of_fewer_steps(STEPS)
    trajectory.diffusion_of = _of_fewer_steps(FOLLOWED)


def _of_fewer_steps(count: int) -> Callable[..., Any]:
    """Return `diffusion_of` whose trajectories take at most `count` of their steps."""
    from encoded_ensembles.ensemble.diffusion import DDPM, make_scheduler

    def diffusion_of(sampler: str, *, bounded: bool, scheduler: Any = None) -> DDPM:
        make = _with_fewer_steps(make_scheduler, count)
        return DDPM(
            sampler, bounded=bounded, scheduler=make(steps=1, sampler=sampler, bounded=bounded)
        )

    return diffusion_of


def _with_fewer_steps(make: Callable[..., Any], count: int) -> Callable[..., Any]:
    """Return `make_scheduler` whose schedulers take at most `count` of their steps, evenly spread."""

    def made(*, steps: int, **options: Any) -> Any:
        scheduler = make(steps=steps, **options)
        set_all = scheduler.set_timesteps

        def set_some(number: int) -> None:
            set_all(number)
            chosen = np.linspace(0, number - 1, min(number, count)).round().astype(int)
            scheduler.timesteps = scheduler.timesteps[chosen]

        scheduler.set_timesteps = set_some
        set_some(steps)
        return scheduler

    return made


def replace_autoencoder() -> None:
    """Encode by taking a pixel of each patch, decode by repeating it, one picture at a time as the real one."""
    import torch
    from encoded_ensembles.members import latents

    def encode(space: latents.Latents, images: np.ndarray) -> np.ndarray:
        channels, *sides = space.seen(images.shape[1:])
        found = np.zeros((len(images), channels, *sides), np.float32)
        step = images.shape[2] // sides[0]
        found[:, : images.shape[1]] = images[:, :, ::step, ::step]
        return found

    def decode(space: latents.Latents, seen: torch.Tensor) -> torch.Tensor:
        channels, side, _ = space.image(tuple(seen.shape[1:]))
        step = side // seen.shape[2]
        pictures = [
            one[:, :channels].repeat_interleave(step, 2).repeat_interleave(step, 3)
            for one in seen.split(1)
        ]
        return torch.cat(pictures)

    latents.Latents.encode = encode  # type: ignore[method-assign]
    latents.Latents.decode = decode  # type: ignore[method-assign,assignment]


def replace_downloads() -> None:
    """Accept a made archive of CIFAR-10; make each face of CelebA when it is read."""
    from encoded_ensembles.data.sources import cifar, faces
    from PIL import Image

    def open_face(data: io.BytesIO, **_: Any) -> Image.Image:
        rng = np.random.default_rng(int(data.read() or 0))
        return Image.new("RGB", (178, 218), tuple(rng.integers(0, 256, 3).tolist()))

    cifar.CIFAR10 = cifar.CIFAR10._replace(digest=None)
    faces.digest_check = lambda _: lambda _: None
    faces.open_picture = open_face


def shorten_training() -> None:
    """The first `STEPS` batches are trained on; the others are drawn."""
    from encoded_ensembles.members import training

    step, losses = training.Trainer.step, list[float]()

    def first_steps(trainer: training.Trainer, *batch: Any) -> float:
        if len(losses) < STEPS:
            losses.append(step(trainer, *batch))
        return losses[-1]

    training.Trainer.step = first_steps  # type: ignore[method-assign]


def shorten_classifier() -> None:
    """The classifier is trained for one epoch."""
    from functools import partial

    from encoded_ensembles.features import classifier

    classifier.train_classifier = partial(classifier.train_classifier, epochs=1)


def take_fewer_levels() -> None:
    """Given pictures are denoised at a few levels; what is gathered is a sum over levels."""
    from functools import partial

    from encoded_ensembles.runs import pictures

    pictures.spread_levels = partial(pictures.spread_levels, count=LEVELS)


def repeat_samples() -> None:
    """Two samples are compared with all images; distances of others are theirs, varied."""
    from encoded_ensembles.data import likeness

    compare = likeness._nearest_squares

    def compare_two(
        samples: np.ndarray, images: np.ndarray, unit_of: np.ndarray, see: Any
    ) -> np.ndarray:
        squares = compare(samples[:2], images, unit_of, see)
        squares = np.resize(squares, (len(samples), squares.shape[1]))
        squares *= np.random.default_rng(0).uniform(0.9, 1.1, (len(samples), 1))
        return squares

    likeness._nearest_squares = compare_two
    _repeat_patches()


def _repeat_patches() -> None:
    """The patches of one sample are compared with all images; shares of others are its, varied."""
    from encoded_ensembles.grading import patches

    patches.patch_shares = _repeated(
        patches.patch_shares,
        lambda given: (len(patches.patch_settings(given[0].shape[1])), len(given[2])),
        calls=1,
    )


def repeat_pulls() -> None:
    """Pulls on two samples are measured; those on others are theirs, varied."""
    from encoded_ensembles.influence import decoys

    measure = decoys.pulls

    def measure_two(estimate: np.ndarray, images: np.ndarray, unit_of: np.ndarray) -> np.ndarray:
        _, samples, _ = estimate.shape
        found = measure(estimate[:, :2], images, unit_of)
        found = np.resize(found, (samples, *found.shape[1:]))
        found *= np.random.default_rng(0).uniform(0.9, 1.1, (samples, 1, 1)).astype(np.float32)
        return found

    decoys.pulls = measure_two


def repeat_units() -> None:
    """Compare the first `CALLS` units or parts in full; others get values like theirs.

    Every unit is read, and gets values of its own. So all arrays have their full sizes.
    """
    from encoded_ensembles.features import perceptual
    from encoded_ensembles.influence import ablation, directional

    ablation.ssim = _repeated(ablation.ssim, lambda given: given[0].shape[:1])
    directional.excess = _repeated(directional.excess, lambda given: (len(given[0]), len(given[2])))
    directional.nearest_distances = _repeated(
        directional.nearest_distances, lambda given: (len(given[0]), len(given[2]))
    )
    measured = perceptual.feature_distance
    perceptual.feature_distance = lambda *made_of: _repeated(
        measured(*made_of), lambda given: given[0].shape[:1]
    )


def _repeated(
    function: Callable[..., np.ndarray],
    shape_of: Callable[[tuple[Any, ...]], tuple[int, ...]],
    *,
    calls: int = CALLS,
) -> Callable[..., np.ndarray]:
    """Return a function that computes the first times, and then varies the last values.

    Args:
        function: of arrays.
        shape_of: maps them to the shape of its result.
        calls: number of times.
    """
    last: list[np.ndarray] = []
    rng = np.random.default_rng(0)

    def call(*given: np.ndarray, **options: Any) -> np.ndarray:
        if len(last) < calls:
            last.append(function(*given, **options))
            return last[-1]
        shape = shape_of(given)
        return np.resize(last[-1], shape) * rng.uniform(0.9, 1.1, shape)

    return call
