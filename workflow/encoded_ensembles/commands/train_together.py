"""encens train-members: several members in one job."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from encoded_ensembles.commands.train import (
    Alpha,
    Attention,
    AttentionAt,
    Base,
    Classes,
    Data,
    Device,
    Dropout,
    Ema,
    Epochs,
    Flip,
    Layers,
    NormGroups,
    Precision,
    Rank,
    Rate,
    Seconds,
    Seed,
    Steps,
    Target,
    Widths,
    fit,
    make_network,
    make_recipe,
)

if TYPE_CHECKING:
    from encoded_ensembles.data import ImageSet
    from encoded_ensembles.train import Recipe

FACTS = "trained.json"


def train_members(
    manifests: Annotated[list[Path], Argument(help="splits of the members, .json of split-member")],
    data: Data,
    output: Annotated[
        Path, Option(help="output folder, with a folder for each member as of train-member")
    ],
    checkpoints: Annotated[
        Path, Option(help="folder of files to go on from when killed, and of trained members")
    ],
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
    checkpoint_seconds: Seconds = 15.0,
    device: Device = "auto",
) -> None:
    """Train several members one after the other, each to the bytes that it gets in a job of its own.

    A member that an earlier job trained to the end on the same split is not trained again: the job
    may have been killed later, or run again for another member.
    """
    from encoded_ensembles.data import read_images
    from encoded_ensembles.files import read_facts
    from encoded_ensembles.splits import select

    images = read_images(data)
    recipe = make_recipe(epochs, steps_per_epoch, learning_rate, ema, precision, seed, flip)
    network = make_network(
        widths, layers_per_block, attention, attention_at, dropout, norm_groups, classes, base,
        rank, alpha, target,
    )  # fmt: skip
    for manifest in manifests:
        split = read_facts(manifest)
        member, part = split["member"], select(images, split)
        trained = checkpoints / "trained" / member
        key = training_key(part, split=split, recipe=recipe, network=network, device=device)
        if not take_up(trained, output / member, key=key):
            fit(
                part,
                split=split,
                recipe=recipe,
                network=network,
                checkpoint=checkpoints / f"{member}.safetensors",
                checkpoint_seconds=checkpoint_seconds,
                device=device,
                output=output / member,
            )
            remember(output / member, trained, key=key)


def training_key(
    images: "ImageSet",
    *,
    split: dict[str, Any],
    recipe: "Recipe",
    network: dict[str, Any],
    device: str,
) -> str:
    """Return a SHA-256 over all that a trained member follows from."""
    import hashlib
    import json
    from dataclasses import asdict

    from encoded_ensembles.device import choose_device, describe
    from encoded_ensembles.finetune import base_digests
    from encoded_ensembles.sources import code_digest
    from encoded_ensembles.splits import labels_digest

    where = describe(choose_device(device), precision=recipe.precision)
    labels = [labels_digest(images), len(images.label_names)] if network["classes"] else None
    if network.get("base"):
        network = network | {"base": base_digests(network["base"])}
    parts = [split["digest"], labels, asdict(recipe), network, code_digest("train"), where]
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def remember(member: Path, trained: Path, *, key: str) -> None:
    """Keep the files of a trained member in a second folder, without a second copy on the disk.

    Snakemake deletes the outputs of a job before it starts it, those of all its members.
    """
    from encoded_ensembles.files import sha256_file, write_json

    files = sorted(each for each in member.iterdir() if each.is_file())
    (trained / FACTS).unlink(missing_ok=True)
    for each in files:
        link(each, trained / each.name)
    write_json(
        trained / FACTS, {"key": key, "sha256": {each.name: sha256_file(each) for each in files}}
    )


def take_up(trained: Path, member: Path, *, key: str) -> bool:
    """Put the files that `remember` kept back; False if there are none of this key, or damaged ones."""
    from encoded_ensembles.files import InputError, read_json, sha256_file

    try:
        facts = read_json(trained / FACTS)
        whole = facts["key"] == key and all(
            sha256_file(trained / name) == digest for name, digest in facts["sha256"].items()
        )
    except (FileNotFoundError, InputError, KeyError, TypeError):
        return False
    if whole:
        for name in facts["sha256"]:
            link(trained / name, member / name)
    return whole


def link(source: Path, target: Path) -> None:
    """Give a file a second name, dated now; copy it where the disk has no such names."""
    import os
    import shutil

    from encoded_ensembles.files import replacing

    with replacing(target) as temporary:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)
        os.utime(temporary)
