"""encens train-member, and what other verbs that train share with it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from encoded_ensembles.commands.spread import spread

if TYPE_CHECKING:
    from diffusers import UNet2DModel

    from encoded_ensembles.data import ImageSet
    from encoded_ensembles.feed import Recipe

Data = Annotated[Path, Option(help="training images, .npz of fetch-dataset")]
Widths = Annotated[str, Option(help="channels at each resolution, such as 16,32")]
Layers = Annotated[int, Option(help="residual layers at each resolution")]
Epochs = Annotated[int, Option(help="passes over the split")]
Steps = Annotated[int, Option(help="optimiser steps in a pass")]
Rate = Annotated[float, Option(help="step size of Adam, above 0")]
Ema = Annotated[float, Option(help="decay of the averaged weights, 0..1")]
Precision = Annotated[str, Option(help="float32 or bfloat16")]
Attention = Annotated[bool, Option(help="attend at all resolutions but the finest")]
AttentionAt = Annotated[
    list[int] | None, Option(help="attend at this resolution, 0 the finest; repeatable")
]
Dropout = Annotated[float, Option(help="share of activations dropped in training, 0..1")]
NormGroups = Annotated[int, Option(help="groups that channels are normalised in")]
Classes = Annotated[bool, Option(help="tell the network the labels of images")]
Flip = Annotated[bool, Option(help="mirror images left to right in every other use, at random")]
Base = Annotated[
    Path | None,
    Option(
        help="folder of a base network, frozen: an adapter of it is trained, whatever --widths say"
    ),
]
Autoencoder = Annotated[
    Path | None,
    Option(help="folder of the autoencoder whose latents are trained on; pixels if left out"),
]
Rank = Annotated[int, Option(help="of the adapter's change of a layer's weight")]
Alpha = Annotated[float, Option(help="the change is multiplied by alpha / rank")]
Target = Annotated[
    list[str] | None,
    Option(help="layer that the adapter changes, or how the names of some end; repeatable"),
]
Seed = Annotated[int, Option(help="seed of everything random")]
CheckpointFile = Annotated[
    Path | None, Option(help="file to go on from when killed; removed at the end")
]
Seconds = Annotated[float, Option(help="time between checkpoints")]
Device = Annotated[str, Option(help="auto, cpu, cuda or cuda:N")]
Folder = Annotated[
    Path,
    Option(
        help="output folder: config.json and weights (safetensors), or an adapter's as peft writes them; loss.csv, training.json"
    ),
]


@dataclass(frozen=True, kw_only=True)
class Training:
    """How a network is trained; options of all verbs that train one."""

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
    base: Base = None
    rank: Rank = 4
    alpha: Alpha = 4.0
    target: Target = None
    autoencoder: Autoencoder = None
    seed: Seed = 0
    checkpoint_seconds: Seconds = 15.0
    device: Device = "auto"

    def recipe(self) -> "Recipe":
        """Return how to train.

        Raises:
            InputError: the learning rate is no number above 0.
        """
        import math

        from encoded_ensembles.feed import Recipe
        from encoded_ensembles.files import InputError

        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise InputError(f"--learning-rate is {self.learning_rate}, expected a number above 0.")
        return Recipe(
            epochs=self.epochs,
            steps_per_epoch=self.steps_per_epoch,
            learning_rate=self.learning_rate,
            ema=self.ema,
            precision=self.precision,
            seed=self.seed,
            flip=self.flip,
        )

    def network(self, *, classes: int) -> dict[str, Any]:
        """Return what network to train, as `train.make_initial` takes it.

        Args:
            classes: labels that there are.

        Raises:
            InputError: the widths are no numbers, or the adapter changes no layers.
        """
        from encoded_ensembles.files import InputError

        told = classes if self.classes else None
        if self.base:
            if not self.target:
                raise InputError("--target is not given, expected layers that the adapter changes.")
            targets = sorted(set(self.target))
            adapter = {"rank": self.rank, "alpha": self.alpha, "targets": targets}
            return {"base": self.base, "lora": adapter, "classes": told}
        if not self.widths.replace(",", "").isdigit():
            raise InputError(f"--widths is {self.widths}, expected whole numbers such as 16,32.")
        return {
            "widths": [int(part) for part in self.widths.split(",")],
            "layers_per_block": self.layers_per_block,
            "attention": self.attention_at or self.attention,
            "dropout": self.dropout,
            "norm_groups": self.norm_groups,
            "classes": told,
        }


@spread
def train_member(
    data: Data,
    manifest: Annotated[Path, Option(help="split of the member, .json of split-member")],
    output: Folder,
    training: Training,
    checkpoint: CheckpointFile = None,
) -> None:
    """Train one member on its split, seeded and deterministic.

    The weights load with diffusers' UNet2DModel.from_pretrained, an adapter with peft's
    PeftModel.from_pretrained.
    """
    from encoded_ensembles.data import read_images
    from encoded_ensembles.files import read_facts
    from encoded_ensembles.splits import select

    split = read_facts(manifest)
    images = select(read_images(data), split)
    fit(images, split=split, training=training, checkpoint=checkpoint, output=output)


def training_facts(
    images: "ImageSet", *, split: dict[str, Any], training: Training
) -> dict[str, Any]:
    """Return what a trained network follows from, as it is recorded.

    Args:
        images: of the split.
        split: its manifest; member and digest are recorded.
        training: how to train.
    """
    from dataclasses import asdict

    from encoded_ensembles.device import choose_device, describe
    from encoded_ensembles.frozen import frozen_digests
    from encoded_ensembles.sources import code_digest
    from encoded_ensembles.splits import labels_digest

    network = training.network(classes=len(images.label_names))
    facts = {
        "member": split["member"],
        "split": split["digest"],
        "images": len(images),
        "recipe": asdict(training.recipe()),
        "network": network,
        "code": code_digest("train"),
        "device": describe(choose_device(training.device), precision=training.precision),
    }
    if training.classes:
        facts["labels"] = labels_digest(images)
    if training.base:
        del facts["network"]
        facts |= {"base": frozen_digests(training.base), "lora": network["lora"]}
    if training.autoencoder:
        facts["autoencoder"] = frozen_digests(training.autoencoder)
    return facts


def training_key(facts: dict[str, Any]) -> str:
    """Return a SHA-256 over what a trained network follows from."""
    import hashlib
    import json

    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def fit(
    images: "ImageSet",
    *,
    split: dict[str, Any],
    training: Training,
    checkpoint: Path | None,
    output: Path,
) -> None:
    """Train a network on the images of a split, going on from a checkpoint, and save it.

    Args:
        images: of the split.
        split: its manifest.
        training: how to train.
        checkpoint: file to go on from, removed at the end.
        output: folder to write configuration, weights, loss.csv and training.json to.

    Raises:
        InputError: base or autoencoder are for other images, or the base has no such layers.
    """
    from encoded_ensembles.checkpoint import Checkpoint
    from encoded_ensembles.device import check_precision, choose_device
    from encoded_ensembles.progress import track
    from encoded_ensembles.space import load_space
    from encoded_ensembles.train import make_initial, train

    height, width, channels = images.images.shape[1:]
    where = choose_device(training.device)
    space = load_space(training.autoencoder, device=where)
    shape = space.seen((channels, height, width))
    initial = make_initial(
        training.network(classes=len(images.label_names)),
        shape=shape,
        seed=training.seed,
        scale=height // shape[1],
    )
    check_precision(training.precision, where)
    facts = training_facts(images, split=split, training=training)
    saved = None
    if checkpoint:
        saved = Checkpoint(checkpoint, key=training_key(facts), seconds=training.checkpoint_seconds)
    label = f"member {split['member']} on {where}"
    model, losses = train(
        initial,
        images.images,
        list(images.names),
        recipe=training.recipe(),
        device=where,
        space=space,
        labels=images.labels if training.classes else None,
        checkpoint=saved,
        track=lambda steps, total: track(steps, label=label, total=total),
    )
    _save(model, losses, facts, output, base=training.base)
    if saved:
        saved.remove()


def _save(
    model: "UNet2DModel",
    losses: list[float],
    facts: dict[str, Any],
    output: Path,
    *,
    base: Path | None,
) -> None:
    """Write a trained network, or adapter of a base, and its record to a folder."""
    import os

    from encoded_ensembles.files import sha256_file, write_facts, write_text
    from encoded_ensembles.finetune import save_adapter
    from encoded_ensembles.train import loss_table
    from encoded_ensembles.unet import member_files, save_network

    for name in member_files(adapter=base is None):  # of an earlier member of the other kind
        (output / name).unlink(missing_ok=True)
    model.to("cpu")
    if base:
        save_adapter(model, output, base=os.path.relpath(base.resolve(), output.resolve()))
    else:
        save_network(model, output)
    table = output / "loss.csv"
    write_text(table, loss_table(losses))
    write_facts(output / "training.json", facts, kept={table.name: sha256_file(table)})
