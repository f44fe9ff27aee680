"""Diffusion-ReTrac along the training, as scores of one's own: the pipeline's takes the final weights alone.

python studies/retrac_along.py RUN --output SCORES.parquet      a run's folder, with its single model of all images

The single model is trained again, as its record says, and must come out the same; its weights are kept at evenly spaced
steps. A score is the sum over these of the learning rate there times the inner products of the gradients of image and sample, the
image's scaled to length one, summed over evenly spaced levels. A unit's score is the mean over its images.

Source: Xie et al., *Data Attribution for Diffusion Models*, arXiv 2401.09031.
"""

import copy
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from encoded_ensembles.codes.splits import FULL
from encoded_ensembles.data.images import read_images
from encoded_ensembles.grading.gradients import (
    chunk_gradients,
    renormalised_products,
    spread_levels,
)
from encoded_ensembles.members.batches import Recipe
from encoded_ensembles.members.device import choose_device
from encoded_ensembles.members.load import load_unet
from encoded_ensembles.members.network import trained_weights
from encoded_ensembles.members.training import make_initial, train
from encoded_ensembles.runs import layout
from encoded_ensembles.storage.files import InputError, read_facts
from scored import make_parser, read_pictures, write_scores


def products(
    model: torch.nn.Module, images: np.ndarray, samples: np.ndarray, levels: np.ndarray, *,
    seed: int, device: torch.device,
) -> np.ndarray:  # fmt: skip
    """Return the renormalised inner products of images and samples, summed over levels: (N, B) float64."""

    def chunks(pictures: np.ndarray) -> Iterator[tuple[int, slice, torch.Tensor, torch.Tensor]]:
        names = ["common"] * len(pictures)
        return chunk_gradients(model, pictures, names, levels=levels, seed=seed, device=device)

    size = sum(weights.numel() for weights in trained_weights(model).values())
    queries = torch.zeros(len(levels), len(samples), size, device=device)
    for level, rows, loss, _ in chunks(samples):
        queries[level, rows] = loss
    found = np.zeros((len(images), len(samples)))
    for level, rows, loss, _ in chunks(images):
        found[rows] += renormalised_products(loss, queries[level]).double().cpu().numpy()
    return found


def snapshots(
    run: Path, count: int, *, device: torch.device
) -> list[tuple[float, torch.nn.Module]]:
    """Train a run's single model again, and return it at evenly spaced steps with the learning rates there.

    Raises:
        InputError: it is an adapter, or comes out other than it was.
    """
    facts = read_facts(run / layout.MEMBERS / FULL / "training.json")
    if "network" not in facts:
        raise InputError(f"{run} has adapters as members, expected whole networks.")
    recipe, data = Recipe(**facts["recipe"]), read_images(run / layout.TRAINING)
    height, width, channels = data.images.shape[1:]
    initial = make_initial(facts["network"], shape=(channels, height, width), seed=recipe.seed)
    wanted = {int(step) for step in np.linspace(0, recipe.steps, count + 1)[1:] - 1}
    kept: list[tuple[float, torch.nn.Module]] = []

    def follow(steps: Iterator[int], _total: int) -> Iterator[int]:
        for step in steps:
            yield step  # the caller trains before it asks for the next
            if step in wanted:
                kept.append((recipe.rate(step), copy.deepcopy(initial).eval()))

    model, _ = train(
        initial, data.images, list(data.names), recipe=recipe, device=device, track=follow
    )
    before = load_unet(run / layout.MEMBERS / FULL, device=device).state_dict()
    for name, weights in model.state_dict().items():
        if not torch.allclose(weights, before[name], rtol=1e-4, atol=1e-6):
            raise InputError(
                f"{run / layout.MEMBERS / FULL} was trained otherwise: {name} differs; expected the network "
                "that this version trains by its record. Run the pipeline again with this version."
            )
    return kept


def main() -> None:
    """Score a run."""
    parser = make_parser(__doc__)
    parser.add_argument("--snapshots", type=int, default=5)
    given = parser.parse_args()
    device = choose_device(given.device)
    pictures, levels = read_pictures(given.run), spread_levels(given.levels)
    scores = np.zeros((len(pictures.images), len(pictures.samples)))
    for rate, model in snapshots(given.run, given.snapshots, device=device):
        scores += rate * products(
            model, pictures.images, pictures.samples, levels, seed=given.seed, device=device
        )
    write_scores(given.output, scores, pictures)


if __name__ == "__main__":
    main()
