"""encens encode-pictures: latents of the training images, once for all members."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.features import Device
from encoded_ensembles.commands.options.files import Data


def encode_pictures(
    data: Data,
    autoencoder: Annotated[Path, Option(help="folder of the autoencoder")],
    output: Annotated[
        Path,
        Option(
            help="output, .npz: names (N,), latents (N, c, h, w) float32; mirrored, of mirrored images, with --flip"
        ),
    ],
    flip: Annotated[bool, Option(help="also encode the mirrored images")] = False,
    device: Device = "auto",
) -> None:
    """Encode the training images by an autoencoder."""
    import numpy as np

    from encoded_ensembles.data.images import read_images
    from encoded_ensembles.members.batches import as_seen
    from encoded_ensembles.members.device import choose_device
    from encoded_ensembles.members.latents import load_space
    from encoded_ensembles.storage.files import InputError, write_arrays

    images = read_images(data)
    space = load_space(autoencoder, device=choose_device(device))
    kinds = {"latents": images.images} | ({"mirrored": images.images[:, :, ::-1]} if flip else {})
    arrays = {name: as_seen(pictures, space=space) for name, pictures in kinds.items()}
    for name, latents in arrays.items():
        wrong = ~np.isfinite(latents).all(axis=(1, 2, 3))
        if wrong.any():
            raise InputError(
                f"the autoencoder in {autoencoder} gives {name} that are not finite for {wrong.sum()} of "
                f"{len(wrong)} images, {images.names[wrong.argmax()]} first, expected numbers; use another "
                "autoencoder, or its weights in float32."
            )
    write_arrays(output, {"names": images.names, **arrays})
