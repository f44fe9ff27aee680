"""encens score-rivals: other attribution methods on the same members, images and samples."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from encoded_ensembles.commands.options.features import Classifier, Device, Inception, Perceptual
from encoded_ensembles.commands.options.files import Code, Data, Samples


def score_rivals(
    code: Code,
    data: Data,
    heldout: Annotated[Path, Option(help="held-out images, .npz: features are fitted to them")],
    samples: Samples,
    damping: Annotated[
        list[float], Option(help="lambda in units of the kernel's mean diagonal; repeatable")
    ],
    output: Annotated[
        Path,
        Option(
            help="output, .safetensors: random, pixels, features, stlpips, retrac.* (U, B), trak.*, d-trak.*, journey-trak.* (D, U, B), damping (D,), patches (S, U, B), patches_level and patches_width (S,)"
        ),
    ],
    cost: Annotated[Path, Option(help="output, .json: member evaluations of each method")],
    members: Annotated[
        list[Path] | None,
        Argument(help="gradients of the members in order, of project-gradients"),
    ] = None,
    full: Annotated[
        Path | None, Option(help="gradients of the single-model baseline; required with members")
    ] = None,
    classifier: Classifier = None,
    inception: Inception = None,
    perceptual: Perceptual = None,
    degraded: Annotated[
        list[float] | None,
        Option(help="share of noise, 0..1, in a worse version of pixels; repeatable"),
    ] = None,
    journey: Annotated[int, Option(help="steps of follow-members --journey, for the cost")] = 0,
    seed: Annotated[int, Option(help="seed of the random scores")] = 0,
    device: Device = "auto",
) -> None:
    """Score every unit for every sample by rival methods; higher is more responsible.

    Gradient methods have three versions: .full from the single-model baseline, .one from the first
    member, .mean over all members. Features are those of score-frechet, stlpips is by shift-tolerant LPIPS.
    Worse versions of pixels are named pixels-N, with N the percentage of noise.
    """
    import numpy as np

    from encoded_ensembles.data import likeness
    from encoded_ensembles.data.images import read_images, to_bytes
    from encoded_ensembles.features.extractors import choose_extractor
    from encoded_ensembles.features.perceptual import STLPIPS, embedding
    from encoded_ensembles.grading import rivals
    from encoded_ensembles.grading.patches import patch_scores, patch_settings
    from encoded_ensembles.members.device import choose_device
    from encoded_ensembles.storage.files import (
        InputError,
        read_arrays,
        read_tensors,
        write_facts,
        write_tensors,
    )

    arrays = read_arrays(code)
    unit_of = arrays["unit_of"]
    images = read_images(data).images
    factual = read_tensors(samples, names=["factual"])["factual"]
    first = read_tensors(full) if full else {}
    if full and first["retrac"].shape != (len(unit_of), len(factual)):
        raise InputError(
            f"{full} has gradients of {first['retrac'].shape} images and samples, expected "
            f"{(len(unit_of), len(factual))}; delete it and run again."
        )
    where = choose_device(device)
    extractor = choose_extractor(
        read_images(heldout).images, inception=inception, classifier=classifier, device=where
    )
    scores = {
        "random": rivals.random_scores(
            arrays["unit_names"].tolist(), samples=len(factual), seed=seed
        ),
        "pixels": likeness.image_scores(factual, images, unit_of),
        "features": likeness.nearest_scores(
            extractor.features(to_bytes(factual)), extractor.features(images), unit_of
        ),
        "patches": patch_scores(factual, images, unit_of, seed=seed, device=where),
    }
    if perceptual:
        scores[STLPIPS] = likeness.image_scores(
            factual, images, unit_of, embedding(perceptual, device=where)
        )
    worse = rivals.degraded_scores(
        scores["pixels"], arrays["unit_names"].tolist(), shares=degraded or [], seed=seed
    )
    scores |= {
        rivals.degraded_name("pixels", share): each
        for share, each in zip(degraded or [], worse, strict=True)
    }
    if full:
        scores |= rivals.gradient_scores(
            first, map(read_tensors, members or []), unit_of, damping=np.array(damping)
        )
    tensors = {name: each.astype(np.float32) for name, each in scores.items()}
    level, width = np.array(patch_settings(min(factual.shape[2:]))).T
    settings = {"damping": np.array(damping, np.float32)}
    settings |= {"patches_level": level, "patches_width": width}
    write_tensors(output, tensors | settings)
    levels = len(first.get("levels", []))
    evaluations = rivals.member_evaluations(
        scores,
        pictures=len(images) + len(factual),
        levels=levels,
        members=len(members or []),
        journey=(journey - levels) * len(factual),
    )
    write_facts(cost, dict(evaluations))
