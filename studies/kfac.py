"""Influence by EK-FAC, as scores of one's own: what a rival of second order says of a finished run.

python studies/kfac.py RUN --output SCORES.parquet      a run's folder, with its single model of all images

Needs kronfluence (pip install 'encoded-ensembles[kfac]'), which computes factors and scores; here are only the loss and
the table that `grade.scores` takes: sample, unit_name, score. The loss is half the squared error of the noise, summed over
pixels, at evenly spaced levels, with the same noise for all pictures at a level; a unit's score is the mean over its
images. Damping is the library's, a tenth of the mean eigenvalue of each layer.

Sources: Grosse et al., arXiv 2308.03296 (EK-FAC); Mlodozeniec et al., arXiv 2410.13850 (its use for diffusion models).
"""

import tempfile
from typing import Any

import numpy as np
import torch
from diffusers import DDPMScheduler
from encoded_ensembles.codes.splits import FULL
from encoded_ensembles.grading.gradients import level_noise, spread_levels
from encoded_ensembles.members.device import choose_device
from encoded_ensembles.members.load import load_unet
from encoded_ensembles.members.names import LEVELS
from encoded_ensembles.runs import layout
from scored import make_parser, read_pictures, write_scores

BATCH = 64


class Noised(torch.utils.data.Dataset):
    """Each picture at each level: noisy picture, noise, level; picture i at level k is number i * K + k."""

    def __init__(self, pictures: np.ndarray, levels: np.ndarray, *, seed: int) -> None:
        """Take pictures (N, C, H, W) float32, as the network sees them, and levels (K,)."""
        self.pictures, self.levels = torch.from_numpy(pictures), torch.from_numpy(levels)
        shape = pictures.shape[1:]
        noise = [level_noise(["common"], level=k, shape=shape, seed=seed)[0] for k in levels]
        self.noise, self.scheduler = torch.from_numpy(np.stack(noise)), DDPMScheduler(LEVELS)

    def __len__(self) -> int:
        """Return N K."""
        return len(self.pictures) * len(self.levels)

    def __getitem__(self, number: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return noisy (C, H, W), noise (C, H, W) and level ()."""
        picture, k = divmod(number, len(self.levels))
        noise, level = self.noise[k], self.levels[k]
        noisy = self.scheduler.add_noise(self.pictures[picture][None], noise[None], level[None])
        return noisy[0], noise, level


def influence(
    model: torch.nn.Module, images: Noised, samples: Noised, *, device: torch.device, folder: str,
    damping: float | None = None,
) -> np.ndarray:  # fmt: skip
    """Return the influence of each image on the loss of each sample, (N, B) float64, mean over levels.

    Args:
        model: network, for inference.
        images: N pictures at K levels.
        samples: B pictures at the same levels.
        device: where the network is.
        folder: for what the library writes.
        damping: added to the eigenvalues; None: a tenth of the mean eigenvalue of each layer.
    """
    from kronfluence.analyzer import Analyzer, prepare_model
    from kronfluence.arguments import FactorArguments, ScoreArguments
    from kronfluence.task import Task

    class Denoising(Task):
        def compute_train_loss(
            self, batch: Any, model: torch.nn.Module, sample: bool = False
        ) -> torch.Tensor:
            noisy, noise, level = batch
            predicted = model(noisy, level).sample
            if sample:  # for the Fisher matrix: targets that the model itself would draw
                noise = predicted.detach() + torch.randn_like(predicted)
            return (predicted - noise).square().sum() / 2

        def compute_measurement(self, batch: Any, model: torch.nn.Module) -> torch.Tensor:
            return self.compute_train_loss(batch, model)

    task = Denoising()
    analyzer = Analyzer(
        "kfac", prepare_model(model, task), task, cpu=device.type == "cpu", disable_tqdm=True,
        output_dir=folder,
    )  # fmt: skip
    analyzer.fit_all_factors(
        "factors", images, per_device_batch_size=BATCH, factor_args=FactorArguments("ekfac")
    )
    analyzer.compute_pairwise_scores(
        "scores", "factors", samples, images, per_device_query_batch_size=BATCH,
        per_device_train_batch_size=BATCH, score_args=ScoreArguments(damping_factor=damping),
    )  # fmt: skip
    found = analyzer.load_pairwise_scores("scores")["all_modules"].double().numpy()
    count = len(images.levels)
    return found.reshape(-1, count, len(images) // count, count).mean(axis=(1, 3)).T


def main() -> None:
    """Score a run."""
    given = make_parser(__doc__).parse_args()
    device = choose_device(given.device)
    torch.manual_seed(given.seed)
    pictures = read_pictures(given.run)
    model = load_unet(given.run / layout.MEMBERS / FULL, device=device)
    levels = spread_levels(given.levels)
    noised = (Noised(each, levels, seed=given.seed) for each in (pictures.images, pictures.samples))
    with tempfile.TemporaryDirectory() as folder:
        scores = influence(model, *noised, device=device, folder=folder)
    write_scores(given.output, scores, pictures)


if __name__ == "__main__":
    main()
