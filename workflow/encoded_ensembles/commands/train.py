"""encens train-member."""

from pathlib import Path
from typing import Annotated

from typer import Option


def train_member(
    data: Annotated[Path, Option(help="training images, .npz of fetch-dataset")],
    manifest: Annotated[Path, Option(help="split of the member, .json of split-member")],
    output: Annotated[
        Path,
        Option(help="output folder: config.json, weights (safetensors), loss.csv, training.json"),
    ],
    widths: Annotated[str, Option(help="channels at each resolution, such as 16,32")],
    layers_per_block: Annotated[int, Option(help="residual layers at each resolution")],
    epochs: Annotated[int, Option(help="passes over the split")],
    steps_per_epoch: Annotated[int, Option(help="optimiser steps in a pass")],
    learning_rate: Annotated[float, Option(help="step size of Adam, above 0")],
    ema: Annotated[float, Option(help="decay of the averaged weights, 0..1")],
    precision: Annotated[str, Option(help="float32 or bfloat16")] = "float32",
    attention: Annotated[bool, Option(help="attend at all resolutions but the finest")] = False,
    seed: Annotated[int, Option(help="seed of everything random")] = 0,
    checkpoint: Annotated[
        Path | None, Option(help="file to go on from when killed; removed at the end")
    ] = None,
    checkpoint_seconds: Annotated[float, Option(help="time between checkpoints")] = 15.0,
    device: Annotated[str, Option(help="auto, cpu, cuda or cuda:N")] = "auto",
) -> None:
    """Train one member on its split, seeded and deterministic.

    The weights load with diffusers' UNet2DModel.from_pretrained.
    """
    import hashlib
    import json
    import math
    import tempfile
    from dataclasses import asdict

    from encoded_ensembles.data import read_images
    from encoded_ensembles.device import choose_device, describe
    from encoded_ensembles.files import InputError, read_json, replacing, write_json, write_text
    from encoded_ensembles.progress import track
    from encoded_ensembles.sources import code_digest
    from encoded_ensembles.splits import select
    from encoded_ensembles.train import Checkpoint, Recipe, loss_table, train
    from encoded_ensembles.unet import WEIGHTS, build_unet, unet_config

    if not (math.isfinite(learning_rate) and learning_rate > 0):
        raise InputError(f"--learning-rate is {learning_rate}, expected a number above 0.")
    if not widths.replace(",", "").isdigit():
        raise InputError(f"--widths is {widths}, expected whole numbers such as 16,32.")
    recipe = Recipe(epochs, steps_per_epoch, learning_rate, ema, precision, seed)
    split = read_json(manifest)
    images = select(read_images(data), split)
    height, width, channels = images.images.shape[1:]
    config = unet_config(
        shape=(channels, height, width),
        widths=[int(part) for part in widths.split(",")],
        layers_per_block=layers_per_block,
        attention=attention,
    )
    import torch

    where = choose_device(device)
    facts = {
        "member": split["member"],
        "split": split["digest"],
        "images": len(images),
        "recipe": asdict(recipe),
        "code": code_digest("train"),
        "device": describe(where),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }
    saved = None
    if checkpoint:
        key = hashlib.sha256(json.dumps([facts, config], sort_keys=True).encode()).hexdigest()
        saved = Checkpoint(checkpoint, key=key, seconds=checkpoint_seconds)
    label = f"member {split['member']} on {where}"
    model, losses = train(
        build_unet(config, seed=seed),
        images.images,
        list(images.names),
        recipe=recipe,
        device=where,
        checkpoint=saved,
        track=lambda steps, total: track(steps, label=label, total=total),
    )
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output, prefix=".") as folder:
        model.to("cpu").save_pretrained(folder)
        for name in ("config.json", WEIGHTS):
            with replacing(output / name) as temporary:
                (Path(folder) / name).replace(temporary)
    write_text(output / "loss.csv", loss_table(losses))
    write_json(output / "training.json", facts)
    if saved:
        saved.remove()
