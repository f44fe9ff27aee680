"""Attribution by patches, without a network: what the ideal local denoiser would take from each image.

A denoiser that sees only a patch of a noisy image, and knows the training images, returns the mean of
their patches, weighted by how well each explains what it sees. These weights, for the sample with noise,
are the responsibility of each image.

Source: *Nonparametric data attribution for diffusion models*, arXiv 2510.14269, and its published code
(sail-sg/NDA at 5e9272c, one scale); Kamb & Ganguli, *An analytic theory of creativity in convolutional
diffusion models*, arXiv 2412.20292, for local denoisers.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from encoded_ensembles.data.images import resize, to_bytes, to_signed
from encoded_ensembles.grading.gradients import level_noise

if TYPE_CHECKING:
    import torch

LEVELS = (100, 300, 500, 700)
# Share of the image in the variance at each level, of DDPM.
SIGNAL = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))
PAIRS = 4_000_000  # pairs of patches that are compared at once
LARGEST = 32  # side at which larger images are compared: the cost grows with its fourth power


def patch_widths(side: int) -> list[int]:
    """Return the widths of patches for images of a side, up to `LARGEST`: a quarter, a half, and all of the image.

    Widths are odd, so that a patch has a centre, and at least 3; the last one covers the
    image from every centre.
    """
    side = min(side, LARGEST)
    return sorted({max(3, side // 4 | 1), max(3, side // 2 | 1), 2 * side - 1})


def patch_settings(side: int) -> list[tuple[int, int]]:
    """Return the S settings that are scored: noise level and width of the patches."""
    return [(level, width) for width in patch_widths(side) for level in LEVELS]


def patch_count(shape: tuple[int, ...]) -> int:
    """Return the number of patches of all widths of one sample (..., H, W)."""
    height, width = (min(side, LARGEST) for side in shape[-2:])
    strides = [max(1, size // 2) for size in patch_widths(min(height, width))]
    return sum(-(-height // stride) * -(-width // stride) for stride in strides)


# ASSUME: patches.
def patch_shares(
    sample: np.ndarray, noise: np.ndarray, images: np.ndarray, *, device: "torch.device"
) -> np.ndarray:
    """Return the share of each image in what the ideal local denoiser of a noisy sample returns.

    Each patch of the sample is compared with those of all images at all places that are cut by the
    border alike.

    Args:
        sample: (C, H, W), in [-1, 1].
        noise: (C, H, W), standard normal.
        images: (N, H, W, C) uint8.
        device: of the computation.

    Returns:
        (S, N) float64, each row of sum 1: mean over the sample's patches, half a patch apart.
    """
    import torch

    height, across = sample.shape[1:]
    shares = []
    for width in patch_widths(min(height, across)):
        half, stride = width // 2, max(1, width // 2)
        rows, columns = _same_cut(height, half)[::stride], _same_cut(across, half)[::stride]
        alike = (rows[:, None, :, None] & columns[None, :, None, :]).flatten(0, 1).to(device)
        parts = torch.from_numpy(np.stack([sample, noise]).astype(np.float32)).to(device)
        padded = torch.nn.functional.pad(parts, (half,) * 4)
        patches = padded.unfold(2, width, stride).unfold(3, width, stride)
        kernels = patches.movedim(1, 3).flatten(0, 2)  # (2 P, C, w, w)
        step = max(1, PAIRS // alike.numel())
        found = [
            _evidence(torch.from_numpy(to_signed(images[start : start + step])).to(device), kernels, alike)
            for start in range(0, len(images), step)
        ]  # fmt: skip
        shares.append(torch.cat(found, dim=2).double().softmax(dim=2).mean(dim=1).cpu().numpy())
    return np.concatenate(shares)


def _same_cut(side: int, half: int) -> "torch.Tensor":
    """Return whether patches at two places along a side are cut by the border alike, (side, side)."""
    import torch

    place = torch.arange(side)
    before, after = place.clamp(max=half), place.flip(0).clamp(max=half)
    return (before[:, None] == before) & (after[:, None] == after)


def _evidence(
    images: "torch.Tensor", kernels: "torch.Tensor", alike: "torch.Tensor"
) -> "torch.Tensor":
    """Return the log of the summed weights of each image's places, up to a constant of each patch.

    Args:
        images: (n, C, H, W).
        kernels: (2 P, C, w, w), the patches of the sample, then those of the noise.
        alike: (P, H, W) bool, the places with which a patch is compared.

    Returns:
        (levels, P, n).
    """
    import torch

    half = kernels.shape[-1] // 2
    products = torch.nn.functional.conv2d(images, kernels, padding=half)
    with_sample, with_noise = products.chunk(2, dim=1)  # (n, P, H, W)
    squares = torch.nn.functional.conv2d(
        images.square(), torch.ones_like(kernels[:1]), padding=half
    )
    evidence = []
    for level in LEVELS:
        signal, spread = float(SIGNAL[level]), float(1 - SIGNAL[level])
        # Minus the squared distance of s y from s x + sigma e, over 2 sigma^2, without (s x + sigma e)^2.
        logits = signal / spread * (with_sample - squares / 2)
        logits += (signal / spread) ** 0.5 * with_noise
        logits.masked_fill_(~alike, -torch.inf)
        evidence.append(logits.flatten(2).logsumexp(dim=2).T)
    return torch.stack(evidence)


def patch_scores(
    samples: np.ndarray,
    images: np.ndarray,
    unit_of: np.ndarray,
    *,
    seed: int,
    device: "torch.device",
) -> np.ndarray:
    """Return the share of each unit's images in each sample, by each setting.

    Images larger than `LARGEST` are compared at that size.

    Args:
        samples: (B, C, H, W), in [-1, 1].
        images: (N, H, W, C) uint8.
        unit_of: (N,) int64.
        seed: of the noise, which depends on the number of the sample.
        device: of the computation.

    Returns:
        (S, U, B) float64, 0..1; each column adds up to 1.
    """
    if max(samples.shape[2:]) > LARGEST:
        images = resize(images, size=LARGEST, channels=None)
        samples = to_signed(resize(to_bytes(samples), size=LARGEST, channels=None))

    def of(number: int) -> Iterator[np.ndarray]:
        noise = level_noise([f"sample {number}"], level=0, shape=samples.shape[1:], seed=seed)[0]
        for shares in patch_shares(samples[number], noise, images, device=device):
            yield np.bincount(unit_of, shares)

    return np.stack([list(of(number)) for number in range(len(samples))], axis=2)
