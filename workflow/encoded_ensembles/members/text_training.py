"""Training of one member of a text-to-image ensemble: an adapter of a pipeline's denoiser.

Latents and embeddings were computed before (`encode-pictures`, `encode-captions`): neither the autoencoder nor
a text encoder is in memory. Random numbers are keyed by image and epoch, as in `members.batches`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from encoded_ensembles.members.batches import Recipe, batches, mirror
from encoded_ensembles.members.checkpoint import Checkpoint
from encoded_ensembles.members.gpu_memory import explain_full_memory
from encoded_ensembles.members.names import LEVELS
from encoded_ensembles.members.prompts import Embeddings
from encoded_ensembles.members.text_denoiser import predict
from encoded_ensembles.members.training import Trainer
from encoded_ensembles.progress import report
from encoded_ensembles.randomness import Purpose, generator, name_key
from encoded_ensembles.storage.files import InputError

if TYPE_CHECKING:
    from encoded_ensembles.members.processes import Process


@dataclass(frozen=True)
class TextRecipe:
    """What the training of an adapter with captions needs beside a recipe.

    Attributes:
        recipe: as of other members.
        prompt_dropout: share of the uses of an image in which no prompt stands for its caption, 0..1.
        density: of levels, one of `processes.DENSITIES`.
        accumulation: largest number of images at once, at least 1, which bounds memory; None for the whole batch.
        checkpointing: whether activations are computed again in the backward pass, which saves memory.
    """

    recipe: Recipe
    prompt_dropout: float = 0.0
    density: str = "uniform"
    accumulation: int | None = None
    checkpointing: bool = False


@dataclass(frozen=True)
class Captioned:
    """The training images of a split, as the denoiser sees them, with the embeddings of their captions.

    Attributes:
        names: S distinct image names.
        latents: (S, c, h, w) float32.
        mirrored: latents of the mirrored images, (S, c, h, w); None without mirroring.
        captions: S texts.
        embeddings: of the captions.
        nothing: (1, ...), what stands for no prompt.
    """

    names: list[str]
    latents: np.ndarray
    mirrored: np.ndarray | None
    captions: list[str]
    embeddings: Embeddings
    nothing: Embeddings


class TextTrainer(Trainer):
    """A denoiser with an adapter in training."""

    def __init__(
        self,
        denoiser: Any,
        *,
        process: "Process",
        recipe: TextRecipe,
        device: torch.device,
    ) -> None:
        """Start from the initial weights of the adapter of `denoiser`; moves it to `device`."""
        super().__init__(denoiser, recipe=recipe.recipe, device=device)
        self.process, self.at_once = process, recipe.accumulation
        if recipe.checkpointing:
            denoiser.enable_gradient_checkpointing()

    def step_on(
        self,
        latents: torch.Tensor,
        levels: torch.Tensor,
        noise: torch.Tensor,
        embeddings: Embeddings,
    ) -> float:
        """Make one optimiser step on a batch, and return its loss.

        Args:
            latents: (b, c, h, w) float32.
            levels: (b,), of the process.
            noise: (b, c, h, w) float32.
            embeddings: of b captions.
        """
        total = 0.0
        indices = torch.arange(len(latents), device=self.device)
        for rows in indices.split(self.at_once or len(latents)):
            part = latents[rows], noise[rows], levels[rows]
            noisy, target = self.process.noised(*part), self.process.target(*part)
            with torch.autocast(
                self.device.type, torch.bfloat16, enabled=self.recipe.precision == "bfloat16"
            ):
                predicted = predict(self.model, noisy, levels[rows], embeddings.rows(rows))
            squares = torch.nn.functional.mse_loss(predicted.float(), target, reduction="sum")
            loss = squares / latents.numel()
            loss.backward()
            total += loss.item()
        self.adam.step()
        self.adam.zero_grad()
        self.average.step(self.weights.values())
        return total


def train_adapter(
    denoiser: Any,
    images: Captioned,
    *,
    process: "Process",
    recipe: TextRecipe,
    device: torch.device,
    checkpoint: Checkpoint | None = None,
    track: Callable[[Iterator[int], int], Iterator[int]] = lambda steps, total: steps,
) -> tuple[Any, list[float]]:
    """Train an adapter on a split.

    Args:
        denoiser: with a new adapter (`lora.add_lora`).
        images: of the split; their order does not matter.
        process: of the base.
        recipe: training parameters.
        device: of the training.
        checkpoint: to save the state to, and to resume from if it holds one.
        track: wraps the iteration over steps to show progress; also gets their number.

    Returns:
        the denoiser with the averaged adapter, and the loss of each step (NaN for an empty batch).

    Raises:
        InputError: the split is empty, or the loss is not finite.
    """
    if not images.names:
        raise InputError("the split is empty, expected at least one image to train on.")
    plain = recipe.recipe
    order = np.argsort(
        np.array([name_key(name) for name in images.names], np.uint64), kind="stable"
    )
    keys = [name_key(images.names[i]) for i in order]
    latents = torch.from_numpy(images.latents[order]).to(device)
    turned = (
        torch.from_numpy(images.mirrored[order]).to(device)
        if plain.flip and images.mirrored is not None
        else None
    )
    trainer = TextTrainer(denoiser, process=process, recipe=recipe, device=device)
    losses: list[float] = []
    if checkpoint and (saved := checkpoint.load()):
        done, losses, tensors = saved
        report(f"resuming from step {done} of {plain.steps}")
        trainer.restore(tensors, updates=int(np.isfinite(losses).sum()))
    start = len(losses)
    feed = batches(keys, recipe=plain, shape=tuple(latents.shape[1:]), start=start)  # type: ignore[arg-type]
    for step in track(iter(range(start, plain.steps)), plain.steps - start):
        rows, levels, noise, flipped = next(feed)
        loss = float("nan")
        if len(rows):
            trainer.adam.param_groups[0]["lr"] = plain.rate(step)
            index = torch.from_numpy(rows).to(device)
            epoch = step // plain.steps_per_epoch
            dropped = dropped_prompts([keys[row] for row in rows], epoch=epoch, recipe=recipe)
            # Embeddings of all captions can be larger than the denoiser: they stay in host memory.
            said = images.embeddings.rows(torch.from_numpy(order[rows]))
            batch = (
                mirror(latents[index], flipped, None if turned is None else turned[index]),
                levels_of(levels, process).to(device),
                torch.from_numpy(noise).to(device),
                without_prompts(said, dropped, images.nothing).to(device),
            )
            advice = "set a lower training.accumulation, or training.checkpointing"
            with explain_full_memory(min(len(index), trainer.at_once or len(index)), advice):
                loss = trainer.step_on(*batch)
            if not np.isfinite(loss):
                raise InputError(
                    f"the loss became {loss} at step {step + 1} of {plain.steps}, expected a finite "
                    f"number; lower training.learning_rate ({plain.learning_rate:g})."
                )
        losses.append(loss)
        if checkpoint and step + 1 < plain.steps and checkpoint.due():
            checkpoint.save(step + 1, losses, trainer.tensors())
    return trainer.averaged(), losses


def levels_of(drawn: np.ndarray, process: "Process") -> torch.Tensor:
    """Return levels of a process for the levels 0..999 that `batches` draws evenly, (b,)."""
    return torch.from_numpy(process.levels_from((drawn + 0.5) / LEVELS))


def dropped_prompts(keys: list[int], *, epoch: int, recipe: TextRecipe) -> np.ndarray:
    """Return for which images no prompt stands for the caption in an epoch, (b,) bool.

    It depends only on (seed, image, epoch).
    """
    if not recipe.prompt_dropout:
        return np.zeros(len(keys), bool)
    draws = [
        generator(
            seed=recipe.recipe.seed,
            purpose=Purpose.TRAINING,
            key=name_key(f"\0prompt\0{key}"),
            counter=epoch,
        ).random()
        for key in keys
    ]
    return np.array(draws) < recipe.prompt_dropout


def without_prompts(embeddings: Embeddings, dropped: np.ndarray, nothing: Embeddings) -> Embeddings:
    """Return embeddings in which some rows (b,) bool are those of no prompt; time ids stay."""
    tensors = dict(embeddings.tensors)
    rows = torch.from_numpy(dropped).to(embeddings.sequence.device)
    for name in ("sequence", "pooled"):
        if name in tensors and dropped.any():
            tensors[name] = tensors[name].clone()
            tensors[name][rows] = nothing.tensors[name]
    return Embeddings(**tensors)
