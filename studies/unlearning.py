"""Attribution by unlearning the sample, as scores of one's own: which images does a model lose with it?

python studies/unlearning.py RUN --output SCORES.parquet      a run's folder, with its single model of all images

For each sample the single model takes one step up the sample's loss, in which each weight moves in proportion to its gradient
divided by the diagonal of the Fisher information of the training images; an image is responsible if its loss
rises. Losses are means over evenly spaced levels, with the same noise for all pictures at a level. The paper's step of 0.01 is of
another network, so steps are taken in units in which the loss of the sample itself rises by `--rise` of its value, to first order;
a unit's score is the mean over its images.

Source: Wang et al., *Data attribution for text-to-image models by unlearning synthesized images*, arXiv 2406.09408.
"""

import copy
from collections.abc import Iterator

import numpy as np
import torch
from diffusers import DDPMScheduler
from encoded_ensembles.codes.splits import FULL
from encoded_ensembles.ensemble.sampling import SMALLEST_BATCH
from encoded_ensembles.grading.gradients import chunk_gradients, level_noise, spread_levels
from encoded_ensembles.members.device import choose_device
from encoded_ensembles.members.load import load_unet
from encoded_ensembles.members.names import LEVELS
from encoded_ensembles.members.network import trained_weights
from encoded_ensembles.runs import layout
from scored import make_parser, read_pictures, write_scores

DAMPING = 1e-2  # of the mean of the Fisher information's diagonal, added to it
ROWS = 16 * SMALLEST_BATCH  # pictures whose loss is computed at once


def losses(
    model: torch.nn.Module, pictures: np.ndarray, levels: np.ndarray, *, seed: int,
    device: torch.device,
) -> np.ndarray:  # fmt: skip
    """Return the denoising loss of pictures (N, C, H, W), mean over pixels and levels: (N,) float64."""
    scheduler, total = DDPMScheduler(LEVELS), np.zeros(len(pictures))
    for level in levels.tolist():
        noise = level_noise(["common"], level=level, shape=pictures.shape[1:], seed=seed)
        for start in range(0, len(pictures), ROWS):
            x = torch.from_numpy(pictures[start : start + ROWS])
            z = torch.from_numpy(noise).expand(len(x), -1, -1, -1)
            noisy = scheduler.add_noise(x, z, torch.full((len(x),), level)).to(device)
            with torch.inference_mode():
                found = model(noisy, level).sample
            squares = (found - z.to(device)).square().flatten(1).mean(dim=1)
            total[start : start + ROWS] += squares.double().cpu().numpy()
    return total / len(levels)


def gradients(
    model: torch.nn.Module, pictures: np.ndarray, levels: np.ndarray, *, seed: int,
    device: torch.device,
) -> Iterator[tuple[slice, torch.Tensor]]:  # fmt: skip
    """Yield the numbers of some pictures and their gradients at one level, (rows, P)."""
    names = ["common"] * len(pictures)
    steps = chunk_gradients(model, pictures, names, levels=levels, seed=seed, device=device)
    for _, rows, loss, _ in steps:
        yield rows, loss


def moved(model: torch.nn.Module, step: torch.Tensor) -> torch.nn.Module:
    """Return a copy of a model whose trained weights are moved by a step (P,)."""
    other, start = copy.deepcopy(model), 0
    with torch.no_grad():
        for weights in trained_weights(other).values():
            weights += step[start : start + weights.numel()].view_as(weights)
            start += weights.numel()
    return other


def unlearn(
    model: torch.nn.Module, images: np.ndarray, samples: np.ndarray, levels: np.ndarray, *,
    rise: float, seed: int, device: torch.device,
) -> np.ndarray:  # fmt: skip
    """Return how much the loss of each image rises when each sample is unlearned, (N, B) float64.

    Args:
        model: network, for inference.
        images: (N, C, H, W) float32.
        samples: (B, C, H, W) float32.
        levels: (K,) int64.
        rise: by which the loss of a sample rises to first order, in units of that loss.
        seed: of the noise.
        device: of the model.
    """
    where = {"seed": seed, "device": device}
    size = sum(weights.numel() for weights in trained_weights(model).values())
    fisher = torch.zeros(size, device=device)  # its diagonal: the mean square of gradients
    for _, each in gradients(model, images, levels, **where):
        fisher += each.square().sum(dim=0) / (len(images) * len(levels))
    uphill = torch.zeros(len(samples), size, device=device)  # mean over levels
    for rows, each in gradients(model, samples, levels, **where):
        uphill[rows] += each / len(levels)
    before, own = (losses(model, each, levels, **where) for each in (images, samples))
    scores = np.empty((len(images), len(samples)))
    for sample, gradient in enumerate(uphill):
        step = gradient / (fisher + DAMPING * fisher.mean())
        step *= rise * own[sample] / (gradient @ step)
        scores[:, sample] = losses(moved(model, step), images, levels, **where) - before
    return scores


def main() -> None:
    """Score a run."""
    parser = make_parser(__doc__)
    parser.add_argument("--rise", type=float, default=0.5)
    given = parser.parse_args()
    device = choose_device(given.device)
    pictures = read_pictures(given.run)
    model = load_unet(given.run / layout.MEMBERS / FULL, device=device)
    scores = unlearn(
        model, pictures.images, pictures.samples, spread_levels(given.levels), rise=given.rise,
        seed=given.seed, device=device,
    )  # fmt: skip
    write_scores(given.output, scores, pictures)


if __name__ == "__main__":
    main()
