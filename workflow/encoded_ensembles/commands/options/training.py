"""How a network is trained."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from encoded_ensembles.commands.options.features import Device

if TYPE_CHECKING:
    from encoded_ensembles.members.batches import Recipe

Widths = Annotated[str, Option(help="channels at each resolution, such as 16,32")]
Layers = Annotated[int, Option(help="residual layers at each resolution")]
Epochs = Annotated[int, Option(help="passes over the split")]
Steps = Annotated[int, Option(help="optimiser steps in a pass")]
Rate = Annotated[float, Option(help="step size of Adam, above 0")]
Schedule = Annotated[str, Option(help="of the learning rate: constant, or cosine, down to 0")]
Ema = Annotated[float, Option(help="decay of the averaged weights, 0..1")]
Precision = Annotated[str, Option(help="float32 or bfloat16")]
Attention = Annotated[bool, Option(help="attend at all resolutions except the finest")]
AttentionAt = Annotated[
    list[int] | None, Option(help="attend at this resolution, 0 the finest; repeatable")
]
Dropout = Annotated[float, Option(help="share of activations dropped in training, 0..1")]
NormGroups = Annotated[int, Option(help="number of groups of channels in group normalisation")]
Classes = Annotated[bool, Option(help="condition the network on the labels of images")]
Flip = Annotated[bool, Option(help="mirror images left to right in half of their uses, at random")]
Base = Annotated[
    Path | None,
    Option(
        help="folder of a frozen base network: an adapter of it is trained, and --widths is not used"
    ),
]
Autoencoder = Annotated[
    Path | None,
    Option(help="folder of the autoencoder whose latents are trained on; pixels if absent"),
]
Rank = Annotated[int, Option(help="rank of the adapter's change of a layer's weight")]
Alpha = Annotated[float, Option(help="the change is multiplied by alpha / rank")]
Target = Annotated[
    list[str] | None,
    Option(help="layer that the adapter changes, or the end of several names; repeatable"),
]
Seed = Annotated[int, Option(help="seed of everything random")]
Shared = Annotated[
    bool, Option(help="draw the same random numbers for every member, not for each its own")
]
CheckpointFile = Annotated[
    Path | None, Option(help="file to resume from after a kill; removed at the end")
]
Seconds = Annotated[float, Option(help="seconds between checkpoints")]
Folder = Annotated[
    Path,
    Option(
        help="output folder: config.json and weights (safetensors), or those of an adapter in peft's format; loss.csv, training.json"
    ),
]


@dataclass(frozen=True, kw_only=True)
class Training:
    """Options of all verbs that train a network."""

    widths: Widths
    layers_per_block: Layers
    epochs: Epochs
    steps_per_epoch: Steps
    learning_rate: Rate
    ema: Ema
    precision: Precision = "float32"
    attention: Attention = False
    attention_at: AttentionAt = None
    dropout: Dropout = 0.0
    norm_groups: NormGroups = 8
    classes: Classes = False
    flip: Flip = False
    schedule: Schedule = "constant"
    base: Base = None
    rank: Rank = 4
    alpha: Alpha = 4.0
    target: Target = None
    autoencoder: Autoencoder = None
    seed: Seed = 0
    shared_randomness: Shared = True
    checkpoint_seconds: Seconds = 15.0
    device: Device = "auto"

    def recipe(self) -> "Recipe":
        """Return the training recipe.

        Raises:
            InputError: the learning rate is not a number above 0, or its schedule is not known.
        """
        import math

        from encoded_ensembles.members.batches import SCHEDULES, Recipe
        from encoded_ensembles.storage.files import InputError

        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise InputError(f"--learning-rate is {self.learning_rate}, expected a number above 0.")
        if self.schedule not in SCHEDULES:
            raise InputError(f"--schedule is {self.schedule}, expected {' or '.join(SCHEDULES)}.")
        return Recipe(
            epochs=self.epochs,
            steps_per_epoch=self.steps_per_epoch,
            learning_rate=self.learning_rate,
            ema=self.ema,
            precision=self.precision,
            seed=self.seed,
            flip=self.flip,
            schedule=self.schedule,
        )

    def network(self, *, classes: int) -> dict[str, Any]:
        """Return the network to train, as `training.make_initial` takes it.

        Args:
            classes: number of labels in the data set.

        Raises:
            InputError: the widths are not numbers, or the adapter changes no layers.
        """
        from encoded_ensembles.storage.files import InputError

        labels = classes if self.classes else None
        if self.base:
            if not self.target:
                raise InputError("--target is not given, expected layers that the adapter changes.")
            targets = sorted(set(self.target))
            adapter = {"rank": self.rank, "alpha": self.alpha, "targets": targets}
            return {"base": self.base, "lora": adapter, "classes": labels}
        if not self.widths.replace(",", "").isdigit():
            raise InputError(f"--widths is {self.widths}, expected whole numbers such as 16,32.")
        return {
            "widths": [int(part) for part in self.widths.split(",")],
            "layers_per_block": self.layers_per_block,
            "attention": self.attention_at or self.attention,
            "dropout": self.dropout,
            "norm_groups": self.norm_groups,
            "classes": labels,
        }


def of_member(training: Any, member: str) -> Any:
    """Return how a member is trained: with a seed of its own, unless random numbers are shared."""
    from encoded_ensembles.randomness import own_seed

    if training.shared_randomness:
        return training
    return replace(training, seed=own_seed(training.seed, member))
