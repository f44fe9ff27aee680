"""encens project-gradients: one network's input to the gradient methods."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from encoded_ensembles.commands.options.features import Device
from encoded_ensembles.commands.options.files import Data, Samples


def project_gradients(
    member: Annotated[Path, Argument(help="folder of the network, with config.json and weights")],
    data: Data,
    samples: Samples,
    output: Annotated[
        Path,
        Option(
            help="output, .safetensors: loss.images and norm.images (N, k), loss.samples, norm.samples and, with --pulls, journey.samples (B, k), retrac (N, B), levels (K,)"
        ),
    ],
    pulls: Annotated[
        Path | None, Option(help="output of follow-members --journey, for Journey-TRAK")
    ] = None,
    levels: Annotated[int, Option(help="noise levels, evenly spaced, 1 to 1000")] = 10,
    projection: Annotated[int, Option(help="dimensions of a projected gradient")] = 1024,
    noise: Annotated[
        str, Option(help="image: separate noise for each image and level; common: the same for all")
    ] = "image",
    seed: Annotated[int, Option(help="seed of noise and projection")] = 0,
    autoencoder: Annotated[
        Path | None, Option(help="folder of the autoencoder whose latents the network sees")
    ] = None,
    device: Device = "auto",
) -> None:
    """Compute and project one network's gradients for all training images and samples."""
    from encoded_ensembles.data.images import read_images
    from encoded_ensembles.grading import gradients
    from encoded_ensembles.members.batches import as_seen
    from encoded_ensembles.members.device import choose_device
    from encoded_ensembles.members.given import check_trained_on
    from encoded_ensembles.members.latents import load_space
    from encoded_ensembles.members.load import load_unet
    from encoded_ensembles.progress import track
    from encoded_ensembles.storage.files import InputError, read_tensors, write_tensors
    from encoded_ensembles.storage.large_tensors import read_tensor

    if noise not in ("image", "common"):
        raise InputError(f"--noise is {noise}, expected image or common.")
    where = choose_device(device)
    check_trained_on([member], autoencoder)
    space = load_space(autoencoder, device=where)
    images = read_images(data)
    spread = gradients.spread_levels(levels)
    model = load_unet(member, device=where)
    tensors = gradients.network_gradients(
        model,
        as_seen(images.images, space=space),
        space.encode(read_tensors(samples, names=["factual"])["factual"]),
        images.names.tolist(),
        levels=spread,
        dimensions=projection,
        seed=seed,
        device=where,
        labels=images.labels if model.config.num_class_embeds else None,
        common=noise == "common",
        journey=read_tensor(pulls, "journey") if pulls else None,
        journey_levels=read_tensor(pulls, "journey_levels").tolist() if pulls else (),
        track=lambda steps, total: track(steps, label="gradients", total=total),
    )
    write_tensors(output, tensors | {"levels": spread})
