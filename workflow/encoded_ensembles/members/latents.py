"""The space that members see images in: their pixels, or the latents of a frozen autoencoder.

Source: Rombach et al., *High-Resolution Image Synthesis with Latent Diffusion Models*, arXiv 2112.10752.

Images are encoded and samples decoded one at a time: no result depends on other images.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from encoded_ensembles.members.names import WEIGHTS
from encoded_ensembles.members.network import load_network
from encoded_ensembles.storage.files import InputError, check_kept, read_json

if TYPE_CHECKING:
    import torch
    from diffusers import AutoencoderKL

Shape = tuple[int, int, int]


class Pixels:
    """Members see the pixels."""

    bounded = True  # values in [-1, 1]

    def seen(self, image: Shape) -> Shape:
        """Return the shape (C, H, W) that members see of an image (C, H, W)."""
        return image

    def image(self, seen: Shape) -> Shape:
        """Return the shape (C, H, W) of the image decoded from the shape that members see."""
        return seen

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Return what members see of images (N, C, H, W) float32 in [-1, 1]."""
        return images

    def decode(self, seen: "torch.Tensor") -> "torch.Tensor":
        """Return images (N, C, H, W), in [-1, 1] except for overshoots, from what members see."""
        return seen


class Latents:
    """Members see the latents of an autoencoder: the scaled mode of its encoding of an image."""

    bounded = False

    def __init__(self, network: "AutoencoderKL") -> None:
        """Take an autoencoder of diffusers, in evaluation mode, on the device to compute on."""
        self.network = network
        self.scale = network.config.scaling_factor
        self.shift = network.config.get("shift_factor") or 0.0

    def seen(self, image: Shape) -> Shape:
        """Return the shape (c, h, w) of the latent of an image (C, H, W).

        Raises:
            InputError: as `latent_shape`.
        """
        return latent_shape(self.network.config, image)

    def image(self, seen: Shape) -> Shape:
        """Return the shape (C, H, W) of the image that a latent (c, h, w) is decoded to."""
        return image_shape(self.network.config, seen)

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Return the latents (N, c, h, w) float32 of images (N, C, H, W) float32 in [-1, 1]."""
        import torch

        latents = np.empty((len(images), *self.seen(images.shape[1:])), np.float32)
        with torch.inference_mode():
            for number, image in enumerate(images):
                batch = torch.from_numpy(np.ascontiguousarray(image[None])).to(self.network.device)
                mode = self.network.encode(batch).latent_dist.mode()
                latents[number] = ((mode - self.shift) * self.scale)[0].cpu().numpy()
        return latents

    def decode(self, seen: "torch.Tensor") -> "torch.Tensor":
        """Return images (N, C, H, W), in [-1, 1] except for overshoots, from latents (N, c, h, w)."""
        import torch

        with torch.inference_mode():
            return torch.cat(
                [self.network.decode(one / self.scale + self.shift).sample for one in seen.split(1)]
            )


Space = Pixels | Latents
PIXELS = Pixels()


def halvings(config: Mapping[str, Any]) -> int:
    """Return the side of an image divided by the side of its latent, a power of two."""
    return 2 ** (len(config["block_out_channels"]) - 1)


def latent_shape(config: Mapping[str, Any], image: Shape, *, patch: int = 1) -> Shape:
    """Return the shape (c, h, w) of the latent of an image (C, H, W).

    Args:
        config: of the autoencoder.
        image: shape of an image.
        patch: side in latent pixels that height and width have to be divisible by.

    Raises:
        InputError: the autoencoder has other channels, or the image size is not divisible.
    """
    channels, height, width = image
    factor = halvings(config)
    if config["out_channels"] != config["in_channels"]:
        raise InputError(
            f"model.autoencoder turns {config['in_channels']} channels into {config['out_channels']}, "
            "expected equal numbers; use another autoencoder."
        )
    if channels != config["in_channels"]:
        raise InputError(
            f"model.autoencoder is for images of {config['in_channels']} channels, but the images of "
            f"this run have {channels}; set dataset.channels to {config['in_channels']}, or use another "
            "autoencoder."
        )
    side = factor * patch
    if height % side or width % side:
        what = "model.autoencoder combines" if patch == 1 else "a token of model.base stands for"
        raise InputError(
            f"{what} {side}x{side} pixels, but images of "
            f"{height}x{width} pixels are not divisible by {side}; set dataset.size to "
            f"{-(-max(height, width) // side) * side}."
        )
    return config["latent_channels"], height // factor, width // factor


def image_shape(config: Mapping[str, Any], latent: Shape) -> Shape:
    """Return the shape (C, H, W) of the image that a latent (c, h, w) is decoded to."""
    _, height, width = latent
    factor = halvings(config)
    return config["out_channels"], height * factor, width * factor


def read_config(folder: Path) -> dict[str, Any]:
    """Return the configuration of an autoencoder of a run; needs no torch.

    Raises:
        InputError: the file was changed since it was written.
    """
    check_kept(folder / "config.json", keeper=folder / WEIGHTS)
    return read_json(folder / "config.json")


def load_space(autoencoder: Path | None, *, device: "torch.device") -> Space:
    """Return the latent space of an autoencoder of a run, on a device; for None, pixel space.

    Raises:
        InputError: the folder does not hold a complete, unchanged autoencoder.
    """
    if autoencoder is None:
        return PIXELS
    return Latents(load_network(autoencoder, device=device, kind="AutoencoderKL"))
