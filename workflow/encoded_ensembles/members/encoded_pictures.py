"""Latents of pictures by the autoencoder of a text-to-image pipeline.

Source: the image-to-image pipelines of diffusers 0.42, with the mode of the posterior.
"""

from typing import TYPE_CHECKING

import numpy as np

from encoded_ensembles.members.latents import Latents
from encoded_ensembles.members.pipeline_kinds import PipelineKind
from encoded_ensembles.storage.errors import InputError

if TYPE_CHECKING:
    import torch
    from diffusers import AutoencoderKL


class PipelineLatents(Latents):
    """The latents that a pipeline's denoiser sees: shifted and scaled, in any precision."""

    def __init__(self, network: "AutoencoderKL", kind: PipelineKind) -> None:
        """Take the autoencoder of a pipeline, in evaluation mode, on the device to compute on.

        Args:
            network: of diffusers.
            kind: of the pipeline.
        """
        import torch

        super().__init__(network)
        mean, std = (network.config.get(f"latents_{name}") for name in ("mean", "std"))
        if kind.name == "sdxl" and mean is not None and std is not None:
            # Only this pipeline uses them, and then without a shift.
            self.shift = torch.tensor(mean, device=network.device).view(1, -1, 1, 1)
            self.scale = self.scale / torch.tensor(std, device=network.device).view(1, -1, 1, 1)

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Return the latents (N, c, h, w) float32 of images (N, C, H, W) float32 in [-1, 1].

        Raises:
            InputError: a latent is not finite, or the images do not fit the autoencoder.
        """
        import torch

        latents = np.empty((len(images), *self.seen(images.shape[1:])), np.float32)
        with torch.inference_mode():
            for number, image in enumerate(images):
                batch = torch.from_numpy(np.ascontiguousarray(image[None]))
                batch = batch.to(self.network.device, self.network.dtype)
                mode = self.network.encode(batch).latent_dist.mode().float()
                latents[number] = ((mode - self.shift) * self.scale)[0].cpu().numpy()
                if not np.isfinite(latents[number]).all():
                    raise self._not_finite(number)
        return latents

    def decode(self, seen: "torch.Tensor") -> "torch.Tensor":
        """Return images (N, C, H, W) float32, in [-1, 1] except for overshoots, from latents."""
        import torch

        with torch.inference_mode():
            plain = (seen.float() / self.scale + self.shift).to(self.network.dtype)
            return torch.cat([self.network.decode(one).sample.float() for one in plain.split(1)])

    def _not_finite(self, number: int) -> InputError:
        """Return the error for the latent of an image."""
        dtype = str(self.network.dtype).removeprefix("torch.")
        fix = (
            "use float32 or bfloat16"
            if dtype == "float16"
            else "check the picture and the autoencoder's weights"
        )
        return InputError(
            f"the autoencoder in {dtype} encodes picture {number} as values that are not finite, "
            f"expected numbers; {fix}."
        )
