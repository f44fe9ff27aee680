"""encens train-member."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from encoded_ensembles.commands.options.files import Data
from encoded_ensembles.commands.options.spread import spread
from encoded_ensembles.commands.options.training import CheckpointFile, Folder, Training, of_member

if TYPE_CHECKING:
    from diffusers import UNet2DModel

    from encoded_ensembles.data.images import ImageSet


@spread
def train_member(
    data: Data,
    manifest: Annotated[Path, Option(help="split of the member, .json of split-members")],
    output: Folder,
    training: Training,
    checkpoint: CheckpointFile = None,
) -> None:
    """Train one member on its split, seeded and deterministic.

    The weights load with diffusers' UNet2DModel.from_pretrained, an adapter with peft's
    PeftModel.from_pretrained.
    """
    from encoded_ensembles.codes.splits import select
    from encoded_ensembles.data.images import read_images
    from encoded_ensembles.storage.files import read_facts

    split = read_facts(manifest)
    images, training = select(read_images(data), split), of_member(training, split["member"])
    fit(images, split=split, training=training, checkpoint=checkpoint, output=output)


def training_facts(
    images: "ImageSet", *, split: dict[str, Any], training: Training
) -> dict[str, Any]:
    """Return the recorded facts that determine a trained network.

    Args:
        images: images of the split.
        split: its manifest; member and digest are recorded.
        training: how to train.
    """
    from dataclasses import asdict

    from encoded_ensembles.codes.splits import classes_digest
    from encoded_ensembles.config.closure import code_digest
    from encoded_ensembles.members.device import choose_device, describe
    from encoded_ensembles.members.given import frozen_digests

    network = training.network(classes=len(images.label_names))
    facts = {
        "member": split["member"],
        "split": split["digest"],
        "images": len(images),
        "recipe": asdict(training.recipe()),
        "network": network,
        "code": code_digest("train_member"),
        "device": describe(choose_device(training.device), precision=training.precision),
    }
    if training.classes:
        facts["labels"] = classes_digest(images)
    if training.base:
        del facts["network"]
        facts |= {"base": frozen_digests(training.base), "lora": network["lora"]}
    if training.autoencoder:
        facts["autoencoder"] = frozen_digests(training.autoencoder)
    return facts


def training_key(facts: dict[str, Any]) -> str:
    """Return the SHA-256 of the facts that determine a trained network."""
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
    """Train a network on the images of a split, resuming from a checkpoint, and save it.

    Args:
        images: images of the split.
        split: its manifest.
        training: how to train.
        checkpoint: file to resume from, removed at the end.
        output: folder for configuration, weights, loss.csv and training.json.

    Raises:
        InputError: base or autoencoder do not fit the images, or the base lacks a layer.
    """
    from encoded_ensembles.members.checkpoint import Checkpoint
    from encoded_ensembles.members.device import check_precision, choose_device
    from encoded_ensembles.members.latents import load_space
    from encoded_ensembles.members.training import make_initial, train
    from encoded_ensembles.progress import track

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

    from encoded_ensembles.members.adapter_training import save_adapter
    from encoded_ensembles.members.folder import LOSSES, remove_member
    from encoded_ensembles.members.network import save_network
    from encoded_ensembles.members.training import loss_table
    from encoded_ensembles.storage.files import sha256_file, write_facts, write_text

    remove_member(output)
    model.to("cpu")
    if base:
        save_adapter(model, output, base=os.path.relpath(base.resolve(), output.resolve()))
    else:
        save_network(model, output)
    table = output / LOSSES
    write_text(table, loss_table(losses))
    write_facts(output / "training.json", facts, kept={table.name: sha256_file(table)})
