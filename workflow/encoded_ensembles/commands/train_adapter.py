"""encens train-adapter: one member of a text-to-image ensemble."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from encoded_ensembles.commands.options.files import Data
from encoded_ensembles.commands.options.spread import spread
from encoded_ensembles.commands.options.text import TextTraining
from encoded_ensembles.commands.options.training import CheckpointFile, of_member
from encoded_ensembles.commands.train_member import training_key

if TYPE_CHECKING:
    import numpy as np

    from encoded_ensembles.members.text_training import Captioned


@spread
def train_adapter(
    data: Data,
    manifest: Annotated[Path, Option(help="split of the member, .json of split-members")],
    captions: Annotated[Path, Option(help="embeddings of captions, .npz of encode-captions")],
    latents: Annotated[Path, Option(help="latents, .npz of encode-pictures")],
    output: Annotated[
        Path,
        Option(
            help="output folder: pytorch_lora_weights.safetensors, as a diffusers pipeline's load_lora_weights takes it; adapter.json, loss.csv, training.json"
        ),
    ],
    training: TextTraining,
    checkpoint: CheckpointFile = None,
) -> None:
    """Train an adapter of a text-to-image pipeline on one split, seeded and deterministic."""
    import numpy as np

    from encoded_ensembles.codes.splits import from_ranges, select
    from encoded_ensembles.data.images import read_images
    from encoded_ensembles.members.checkpoint import Checkpoint
    from encoded_ensembles.members.device import check_precision, choose_device
    from encoded_ensembles.members.lora import add_lora
    from encoded_ensembles.members.processes import make_process
    from encoded_ensembles.members.prompted import load_denoiser, read_pipeline
    from encoded_ensembles.members.text_training import train_adapter as train
    from encoded_ensembles.progress import track
    from encoded_ensembles.storage.files import InputError, read_facts

    split, where = read_facts(manifest), choose_device(training.device)
    training = of_member(training, split["member"])
    names = select(read_images(data), split).names
    images = captioned(np.asarray(names), from_ranges(split["images"]), captions, latents)
    if training.precision == "float16":
        raise InputError("--precision is float16, expected float32 or bfloat16 in training.")
    check_precision(training.precision, where)
    recipe, facts = training.recipe(), training_facts(split, images, training)
    saved = None
    if checkpoint:
        saved = Checkpoint(checkpoint, key=training_key(facts), seconds=training.checkpoint_seconds)
    denoiser = load_denoiser(training.base, precision=training.precision)
    denoiser.train()
    add_lora(
        denoiser,
        rank=training.rank,
        alpha=training.alpha,
        targets=training.target or None,
        seed=training.seed,
    )
    pipeline = read_pipeline(training.base)
    label = f"member {split['member']} on {where}"
    trained, losses = train(
        denoiser,
        images,
        process=make_process(pipeline["scheduler"], density=recipe.density),
        recipe=recipe,
        device=where,
        checkpoint=saved,
        track=lambda steps, total: track(steps, label=label, total=total),
    )
    _save(trained, losses, facts, output)
    if saved:
        saved.remove()


def captioned(
    names: "np.ndarray", rows: "np.ndarray", captions: Path, latents: Path
) -> "Captioned":
    """Return the images of a split with latents and embeddings.

    Args:
        names: (S,) of the images.
        rows: (S,) int64, their positions in the data set.
        captions: file of encode-captions.
        latents: file of encode-pictures.

    Raises:
        InputError: a file is of other images.
    """
    import torch

    from encoded_ensembles.members.prompted import Prompts
    from encoded_ensembles.members.text_training import Captioned
    from encoded_ensembles.storage.files import InputError, read_arrays

    texts, pictures = read_arrays(captions), read_arrays(latents)
    for file, arrays in ((captions, texts), (latents, pictures)):
        if (
            not (len(rows) == 0 or rows[-1] < len(arrays["names"]))
            or (arrays["names"][rows] != names).any()
        ):
            raise InputError(
                f"{file} is of other images than the split, expected both from one run; run snakemake again."
            )
    prompts, row = Prompts.read(texts), texts["row"][rows]
    return Captioned(
        names.tolist(),
        pictures["latents"][rows],
        pictures["mirrored"][rows] if "mirrored" in pictures else None,
        texts["captions"][row].tolist(),
        prompts.embeddings.rows(torch.from_numpy(row)),
        prompts.nothing,
    )


def training_facts(
    split: dict[str, Any], images: "Captioned", training: TextTraining
) -> dict[str, Any]:
    """Return the recorded facts that determine a trained adapter.

    Args:
        split: manifest of the split.
        images: of the split.
        training: how to train.
    """
    from dataclasses import asdict

    from encoded_ensembles.config.closure import code_digest
    from encoded_ensembles.data.images import set_digest
    from encoded_ensembles.members.device import choose_device, describe
    from encoded_ensembles.members.given import frozen_digests
    from encoded_ensembles.members.part_files import PIPELINE
    from encoded_ensembles.members.pipeline_kinds import kind_of
    from encoded_ensembles.members.prompted import read_pipeline
    from encoded_ensembles.storage.files import sha256_file

    kind = kind_of(read_pipeline(training.base)["pipeline"])
    said = zip(images.names, images.captions, strict=True)
    return {
        "member": split["member"],
        "split": split["digest"],
        "captions": set_digest(f"{name}\0{caption}" for name, caption in said),
        "images": len(images.names),
        "recipe": asdict(training.recipe()),
        "base": frozen_digests(training.base),
        "pipeline": sha256_file(training.base / PIPELINE),
        "autoencoder": frozen_digests(training.base.parent / "autoencoder"),
        "lora": {
            "rank": training.rank,
            "alpha": training.alpha,
            "targets": sorted(training.target or kind.targets),
        },
        "code": code_digest("train_adapter"),
        "device": describe(choose_device(training.device), precision=training.precision),
    }


def _save(denoiser: Any, losses: list[float], facts: dict[str, Any], output: Path) -> None:
    """Write a trained adapter and its record to a folder."""
    from encoded_ensembles.members.folder import LOSSES, remove_member
    from encoded_ensembles.members.lora import lora_changes, write_member
    from encoded_ensembles.members.training import loss_table
    from encoded_ensembles.storage.files import sha256_file, write_facts, write_text

    remove_member(output)
    write_member(lora_changes(denoiser), output, denoiser=denoiser, facts=facts)
    table = output / LOSSES
    write_text(table, loss_table(losses))
    write_facts(output / "training.json", facts, kept={table.name: sha256_file(table)})
