"""encens train-member, and what other verbs that train share with it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

if TYPE_CHECKING:
    from diffusers import UNet2DModel

    from encoded_ensembles.data import ImageSet
    from encoded_ensembles.train import Recipe

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


def train_member(
    data: Data,
    manifest: Annotated[Path, Option(help="split of the member, .json of split-member")],
    output: Folder,
    widths: Widths,
    layers_per_block: Layers,
    epochs: Epochs,
    steps_per_epoch: Steps,
    learning_rate: Rate,
    ema: Ema,
    precision: Precision = "float32",
    attention: Attention = False,
    attention_at: AttentionAt = None,
    dropout: Dropout = 0.0,
    norm_groups: NormGroups = 8,
    classes: Classes = False,
    flip: Flip = False,
    base: Base = None,
    rank: Rank = 4,
    alpha: Alpha = 4.0,
    target: Target = None,
    seed: Seed = 0,
    checkpoint: CheckpointFile = None,
    checkpoint_seconds: Seconds = 15.0,
    device: Device = "auto",
) -> None:
    """Train one member on its split, seeded and deterministic.

    The weights load with diffusers' UNet2DModel.from_pretrained, an adapter with peft's
    PeftModel.from_pretrained.
    """
    from encoded_ensembles.data import read_images
    from encoded_ensembles.files import read_facts
    from encoded_ensembles.splits import select

    split = read_facts(manifest)
    fit(
        select(read_images(data), split),
        split=split,
        recipe=make_recipe(epochs, steps_per_epoch, learning_rate, ema, precision, seed, flip),
        network=make_network(
            widths,
            layers_per_block,
            attention,
            attention_at,
            dropout,
            norm_groups,
            classes,
            base,
            rank,
            alpha,
            target,
        ),
        checkpoint=checkpoint,
        checkpoint_seconds=checkpoint_seconds,
        device=device,
        output=output,
    )


def make_recipe(
    epochs: int,
    steps_per_epoch: int,
    learning_rate: float,
    ema: float,
    precision: str,
    seed: int,
    flip: bool,
) -> "Recipe":
    """Return how to train, from the options of the command line."""
    import math

    from encoded_ensembles.files import InputError
    from encoded_ensembles.train import Recipe

    if not (math.isfinite(learning_rate) and learning_rate > 0):
        raise InputError(f"--learning-rate is {learning_rate}, expected a number above 0.")
    return Recipe(epochs, steps_per_epoch, learning_rate, ema, precision, seed, flip)


def make_network(
    widths: str,
    layers_per_block: int,
    attention: bool,
    attention_at: list[int] | None,
    dropout: float,
    norm_groups: int,
    classes: bool,
    base: Path | None,
    rank: int,
    alpha: float,
    target: list[str] | None,
) -> dict[str, Any]:
    """Return what network to train, from the options of the command line."""
    from encoded_ensembles.files import InputError

    if base:
        if not target:
            raise InputError("--target is not given, expected layers that the adapter changes.")
        adapter = {"rank": rank, "alpha": alpha, "targets": sorted(set(target))}
        return {"base": base, "lora": adapter, "classes": classes}
    if not widths.replace(",", "").isdigit():
        raise InputError(f"--widths is {widths}, expected whole numbers such as 16,32.")
    return {
        "widths": [int(part) for part in widths.split(",")],
        "layers_per_block": layers_per_block,
        "attention": attention_at or attention,
        "dropout": dropout,
        "norm_groups": norm_groups,
        "classes": classes,
    }


def fit(
    images: "ImageSet",
    *,
    split: dict[str, Any],
    recipe: "Recipe",
    network: dict[str, Any],
    checkpoint: Path | None,
    checkpoint_seconds: float,
    device: str,
    output: Path | None = None,
) -> "UNet2DModel":
    """Train a network on the images of a split, going on from a checkpoint, and save it.

    Args:
        images: of the split.
        split: its manifest; member and digest are recorded.
        recipe: how to train.
        network: what `unet_config` takes beside the shape, or base and lora, of which an adapter
            is made; classes says whether it is told labels.
        checkpoint: file to go on from, removed at the end.
        checkpoint_seconds: time between checkpoints.
        device: auto, cpu, cuda or cuda:N.
        output: folder to write configuration, weights, loss.csv and training.json to; None: nothing.

    Returns:
        the network, on the device.

    Raises:
        InputError: the base is for other images, or has no such layers.
    """
    import hashlib
    import json
    from dataclasses import asdict

    from encoded_ensembles.checkpoint import Checkpoint
    from encoded_ensembles.device import check_precision, choose_device, describe
    from encoded_ensembles.progress import track
    from encoded_ensembles.sources import code_digest
    from encoded_ensembles.splits import labels_digest
    from encoded_ensembles.train import make_initial, train

    height, width, channels = images.images.shape[1:]
    classes = len(images.label_names) if network["classes"] else None
    initial, config = make_initial(
        network | {"classes": classes}, shape=(channels, height, width), seed=recipe.seed
    )
    base = network.get("base")
    where = choose_device(device)
    check_precision(recipe.precision, where)
    facts = {
        "member": split["member"],
        "split": split["digest"],
        "images": len(images),
        "recipe": asdict(recipe),
        "code": code_digest("train"),
        "device": describe(where, precision=recipe.precision),
    }
    if classes:
        facts["labels"] = labels_digest(images)
    if base:
        facts |= config
    saved = None
    if checkpoint:
        key = hashlib.sha256(json.dumps([facts, config], sort_keys=True).encode()).hexdigest()
        saved = Checkpoint(checkpoint, key=key, seconds=checkpoint_seconds)
    label = f"member {split['member']} on {where}"
    model, losses = train(
        initial,
        images.images,
        list(images.names),
        recipe=recipe,
        device=where,
        labels=images.labels if classes else None,
        checkpoint=saved,
        track=lambda steps, total: track(steps, label=label, total=total),
    )
    if output:
        _save(model, losses, facts, output, base=base)
    if saved:
        saved.remove()
    return model.to(where)


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
    from encoded_ensembles.unet import member_files, save_unet

    for name in member_files(adapter=base is None):  # of an earlier member of the other kind
        (output / name).unlink(missing_ok=True)
    model.to("cpu")
    if base:
        save_adapter(model, output, base=os.path.relpath(base.resolve(), output.resolve()))
    else:
        save_unet(model, output)
    table = output / "loss.csv"
    write_text(table, loss_table(losses))
    write_facts(output / "training.json", facts, kept={table.name: sha256_file(table)})
