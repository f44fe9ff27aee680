"""Training of one member: noise prediction of DDPM on the batches of `batches`.

Source: Ho, Jain & Abbeel, *Denoising Diffusion Probabilistic Models*, arXiv 2006.11239, algorithm 1.
"""

import csv
import io
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from encoded_ensembles.lean_import import without_compiler
from encoded_ensembles.members.batches import Recipe, batches, dropout_seed, mirror, see
from encoded_ensembles.members.checkpoint import Checkpoint
from encoded_ensembles.members.gpu_memory import explain_full_memory
from encoded_ensembles.members.latents import PIXELS, Space
from encoded_ensembles.members.names import LEVELS
from encoded_ensembles.progress import report
from encoded_ensembles.randomness import name_key
from encoded_ensembles.storage.files import InputError

if TYPE_CHECKING:
    import torch
    from diffusers import UNet2DModel


class Trainer:
    """A network in training: the trained weights, their moving average and the state of Adam."""

    def __init__(self, model: "UNet2DModel", *, recipe: Recipe, device: "torch.device") -> None:
        """Start from the initial weights of `model`; moves it to `device`."""
        import torch
        from diffusers import DDPMScheduler
        from diffusers.training_utils import EMAModel

        self.recipe, self.device = recipe, device
        self.model = model.to(device).train()
        # ASSUME: averaged weights.
        # The base of an adapter is not trained, averaged or saved.
        self.weights = {
            name: weight for name, weight in model.named_parameters() if weight.requires_grad
        }
        trained = list(self.weights.values())
        self.average = EMAModel(trained, decay=recipe.ema, foreach=True)
        self.adam = torch.optim.Adam(trained, lr=recipe.learning_rate, fused=True)
        self.scheduler = DDPMScheduler(num_train_timesteps=LEVELS)

    def step(
        self,
        images: "torch.Tensor",
        levels: "torch.Tensor",
        noise: "torch.Tensor",
        labels: "torch.Tensor | None" = None,
    ) -> float:
        """Make one optimiser step on a batch, and return its loss.

        Args:
            images: (b, C, H, W) float32, as the network sees them.
            levels: (b,) int64.
            noise: (b, C, H, W) float32.
            labels: (b,) int64, if the network is conditioned on labels.
        """
        import torch

        noisy = self.scheduler.add_noise(images, noise, levels)
        with torch.autocast(
            self.device.type, torch.bfloat16, enabled=self.recipe.precision == "bfloat16"
        ):
            predicted = self.model(noisy, levels, class_labels=labels).sample
        loss = torch.nn.functional.mse_loss(predicted.float(), noise)
        loss.backward()
        self.adam.step()
        self.adam.zero_grad()
        self.average.step(self.weights.values())
        return loss.item()

    def tensors(self) -> dict[str, "torch.Tensor"]:
        """Return the whole state as named tensors."""
        state = {f"model.{name}": weights.detach() for name, weights in self.weights.items()}
        for i, shadow in enumerate(self.average.shadow_params):
            state[f"average.{i}"] = shadow
        for i, moments in self.adam.state_dict()["state"].items():
            for name, tensor in moments.items():
                state[f"adam.{i}.{name}"] = tensor
        return state

    def restore(self, tensors: dict[str, "torch.Tensor"], *, updates: int) -> None:
        """Restore the state that `tensors` returned after `updates` optimiser steps."""
        parts: dict[str, dict[str, torch.Tensor]] = {"model": {}, "average": {}, "adam": {}}
        for name, tensor in tensors.items():
            part, _, rest = name.partition(".")
            parts[part][rest] = tensor
        for name, weights in self.weights.items():
            weights.detach().copy_(parts["model"][name])
        self.average.optimization_step = updates
        for i, shadow in enumerate(self.average.shadow_params):
            shadow.copy_(parts["average"][str(i)])
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for name, tensor in parts["adam"].items():
            number, _, moment = name.partition(".")
            moments.setdefault(int(number), {})[moment] = tensor
        groups = self.adam.state_dict()["param_groups"]
        self.adam.load_state_dict({"state": moments, "param_groups": groups})

    def averaged(self) -> "UNet2DModel":
        """Return the network with its averaged weights."""
        self.average.copy_to(self.weights.values())
        return self.model.eval()


def make_initial(
    network: dict[str, Any], *, shape: tuple[int, int, int], seed: int, scale: int = 1
) -> "UNet2DModel":
    """Return a network with initial weights.

    Args:
        network: arguments of `unet_config` except the shape; or, for an adapter, base (a folder), lora
            (rank, alpha, targets) and classes (number of labels it is conditioned on, or None).
        shape: (C, H, W) of an image, as members see it.
        seed: of initial weights.
        scale: as of `unet_config`.

    Raises:
        InputError: the base is for other images, or lacks layers of the targets.
    """
    import torch

    from encoded_ensembles.members.load import load_unet
    from encoded_ensembles.members.network import build_unet, unet_config

    if "base" not in network:
        return build_unet(unet_config(shape=shape, scale=scale, **network), seed=seed)
    from encoded_ensembles.members.adapter_training import add_adapter, check_base

    base = load_unet(network["base"], device=torch.device("cpu"))
    check_base(base, shape=shape, classes=network["classes"], scale=scale)
    return add_adapter(base, **network["lora"], seed=seed)


@without_compiler()
def train(
    model: "UNet2DModel",
    images: np.ndarray,
    names: list[str],
    *,
    recipe: Recipe,
    device: "torch.device",
    space: Space = PIXELS,
    labels: np.ndarray | None = None,
    checkpoint: Checkpoint | None = None,
    track: Callable[[Iterator[int], int], Iterator[int]] = lambda steps, total: steps,
) -> tuple["UNet2DModel", list[float]]:
    """Train a network on a split.

    Args:
        model: network with initial weights.
        images: (S, H, W, C) uint8.
        names: S distinct image names; the order of images and names does not matter.
        recipe: training parameters.
        device: of the training. Dropout masks come from torch's global generator, seeded at each step.
        space: in which the network sees images.
        labels: (S,) int64, if the network is conditioned on labels.
        checkpoint: to save the state to, and to resume from if it holds one.
        track: wraps the iteration over steps to show progress; also gets their number.

    Returns:
        the network with averaged weights, and the loss of each step (NaN for an empty batch).

    Raises:
        InputError: the split is empty, or the loss is not finite.
    """
    import torch

    if not len(images):
        raise InputError("the split is empty, expected at least one image to train on.")
    keys = [name_key(name) for name in names]
    order = np.argsort(np.array(keys, np.uint64), kind="stable")
    keys = [keys[i] for i in order]
    data, turned = see(images[order], space=space, flip=recipe.flip, device=device)
    classes = None if labels is None else torch.from_numpy(labels[order]).to(device)
    trainer = Trainer(model, recipe=recipe, device=device)
    losses: list[float] = []
    if checkpoint and (saved := checkpoint.load()):
        done, losses, tensors = saved
        report(f"resuming from step {done} of {recipe.steps}")
        trainer.restore(tensors, updates=int(np.isfinite(losses).sum()))
    start = len(losses)
    feed = batches(keys, recipe=recipe, shape=tuple(data.shape[1:]), start=start)  # type: ignore[arg-type]
    for step in track(iter(range(start, recipe.steps)), recipe.steps - start):
        rows, levels, noise, mirrored = next(feed)
        loss = float("nan")
        if len(rows):
            trainer.adam.param_groups[0]["lr"] = recipe.rate(step)
            if model.config.dropout:
                torch.manual_seed(dropout_seed(recipe, step))
            index = torch.from_numpy(rows).to(device)
            batch = (
                mirror(data[index], mirrored, None if turned is None else turned[index]),
                torch.from_numpy(levels).to(device),
                torch.from_numpy(noise).to(device),
                None if classes is None else classes[index],
            )
            advice = (
                f"raise training.steps_per_epoch from {recipe.steps_per_epoch}, lower model.widths"
            )
            with explain_full_memory(len(index), advice):
                loss = trainer.step(*batch)
            if not np.isfinite(loss):
                raise InputError(
                    f"the loss became {loss} at step {step + 1} of {recipe.steps}, expected a "
                    f"finite number; lower training.learning_rate ({recipe.learning_rate:g})."
                )
        losses.append(loss)
        if checkpoint and step + 1 < recipe.steps and checkpoint.due():
            checkpoint.save(step + 1, losses, trainer.tensors())
    return trainer.averaged(), losses


def loss_table(losses: list[float]) -> str:
    """Return the losses as CSV with columns step (from 1) and loss (empty for an empty batch)."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["step", "loss"])
    writer.writerows(
        [step, "" if np.isnan(loss) else f"{loss:.6g}"] for step, loss in enumerate(losses, 1)
    )
    return text.getvalue()
