"""Attribution by patches, without a network: what the ideal local denoiser would take from each image.

A denoiser that sees only a patch of a noisy image, and knows the training images, returns the mean of
their patches at this place, weighted by how well each explains what it sees. These weights, of the
sample's own patches, are the responsibility of each image.

Source: *Nonparametric data attribution for diffusion models*, arXiv 2510.14269; Kamb & Ganguli, *An
analytic theory of creativity in convolutional diffusion models*, arXiv 2412.20292, for local denoisers.
"""

from collections.abc import Iterator

import numpy as np

from encoded_ensembles.data.images import to_signed
from encoded_ensembles.data.likeness import HELD

LEVELS = slice(50, 1000, 100)  # noise levels at which weights are taken
# Share of the image in the variance at each level, of DDPM.
SIGNAL = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))


def patch_sizes(side: int) -> list[int]:
    """Return the widths of patches for images of a side: a quarter, a half, and all of the image.

    Widths are odd, so that a patch has a centre, and at least 3; the last one covers the
    image from every centre.
    """
    return sorted({max(3, side // 4 | 1), max(3, side // 2 | 1), 2 * side - 1})


def patch_count(shape: tuple[int, ...]) -> int:
    """Return the number of patches of all sizes that are compared in an image (..., H, W)."""
    height, width = shape[-2:]
    strides = [max(1, size // 2) for size in patch_sizes(min(height, width))]
    return sum(-(-height // stride) * -(-width // stride) for stride in strides)


# ASSUME: patches.
def patch_shares(samples: np.ndarray, images: np.ndarray) -> Iterator[np.ndarray]:
    """Yield for each sample the share of each image in what the ideal local denoiser returns.

    Args:
        samples: (B, C, H, W), in [-1, 1].
        images: (N, H, W, C) uint8.

    Yields:
        (N,) float64, sum 1: mean over patches half a patch apart, then over sizes and noise levels.
    """
    from scipy.ndimage import uniform_filter
    from scipy.special import softmax

    sizes = patch_sizes(min(samples.shape[2:]))
    signal = SIGNAL[LEVELS]
    precision = signal / (1 - signal) / 2
    step = max(1, HELD // samples[0].size)
    for sample in samples:
        squares: list[list[np.ndarray]] = [[] for _ in sizes]
        for start in range(0, len(images), step):
            block = to_signed(images[start : start + step]).astype(np.float64)
            square = np.square(block - sample).sum(axis=1)
            for found, size in zip(squares, sizes, strict=True):
                stride = max(1, size // 2)
                summed = uniform_filter(square, size, axes=(1, 2), mode="constant") * size**2
                found.append(summed[:, ::stride, ::stride].reshape(len(block), -1))
        total = np.zeros(len(images))
        for found in squares:
            distance = np.concatenate(found)
            for factor in precision:
                total += softmax(-factor * distance, axis=0).mean(axis=1)
        yield total / (len(sizes) * len(precision))


def patch_scores(samples: np.ndarray, images: np.ndarray, unit_of: np.ndarray) -> np.ndarray:
    """Return the share of each unit's images in each sample.

    Args:
        samples: (B, C, H, W), in [-1, 1].
        images: (N, H, W, C) uint8.
        unit_of: (N,) int64.

    Returns:
        (U, B) float64, 0..1; each column adds up to 1.
    """
    return np.stack(
        [np.bincount(unit_of, share) for share in patch_shares(samples, images)], axis=1
    )
