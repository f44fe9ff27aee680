"""Attribution by patches, without a network: what the ideal local denoiser would take from each image.

A denoiser that sees only a patch of a noisy image, and knows the training images, returns the mean of
their patches, weighted by how well each explains what it sees. These weights, for the sample with noise,
are the responsibility of each image.

Source: *Nonparametric data attribution for diffusion models*, arXiv 2510.14269, and its published code
(sail-sg/NDA at 5e9272c, one scale); Kamb & Ganguli, *An analytic theory of creativity in convolutional
diffusion models*, arXiv 2412.20292, for local denoisers.
"""

import math
from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

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
    parts = torch.from_numpy(np.stack([sample, noise]).astype(np.float32)).to(device)
    shares = []
    for width in patch_widths(min(height, across)):
        half, stride = width // 2, max(1, width // 2)
        padded = torch.nn.functional.pad(parts, (half,) * 4)
        patches = padded.unfold(2, width, stride).unfold(3, width, stride).movedim(1, 3)
        groups = list(product(_runs(height, half, stride), _runs(across, half, stride)))
        most = max(math.prod(each.many * len(each.places) for each in group) for group in groups)
        step = max(1, PAIRS // max(most, sample.size))
        found = []
        for start in range(0, len(images), step):
            some = torch.from_numpy(to_signed(images[start : start + step])).to(device)
            evidence = [_evidence(some, patches, *group) for group in groups]
            found.append(torch.cat(evidence, dim=1))
        shares.append(torch.cat(found, dim=2).double().softmax(dim=2).mean(dim=1).cpu().numpy())
    return np.concatenate(shares)


class _Run(NamedTuple):
    """Patches along a side that the border cuts alike; one patch if it cuts them.

    Attributes:
        numbers: of the patches, in steps of the stride.
        places: of the centres of all patches that are cut so, the stride being 1.
        pixels: of an image that patches at these places cover.
        kept: pixels of a patch that the border leaves.
    """

    numbers: slice
    places: range
    pixels: slice
    kept: slice

    @property
    def many(self) -> int:
        """Number of the patches."""
        return self.numbers.stop - self.numbers.start


def _runs(side: int, half: int, stride: int) -> list[_Run]:
    """Return the patches along a side in runs that are cut alike."""
    inside = range(half, side - half)
    numbers = [number for number, place in enumerate(range(0, side, stride)) if place in inside]
    runs = [(slice(numbers[0], numbers[-1] + 1), inside)] if numbers else []
    runs += [
        (slice(number, number + 1), range(place, place + 1))
        for number, place in enumerate(range(0, side, stride))
        if place not in inside
    ]
    return [
        _Run(
            which,
            places,
            slice(max(0, places.start - half), min(side, places.stop + half)),
            slice(max(0, half - places.start), half + 1 + min(half, side - places.stop)),
        )
        for which, places in runs
    ]


def _evidence(
    images: "torch.Tensor", patches: "torch.Tensor", rows: _Run, columns: _Run
) -> "torch.Tensor":
    """Return the log of the summed weights of each image's places, up to a constant of each patch.

    Args:
        images: (n, C, H, W).
        patches: (2, R, Q, C, w, w), all patches of the sample, and those of the noise.
        rows: patches that are compared.
        columns: likewise.

    Returns:
        (levels, P, n), of P patches.
    """
    import torch

    kernels = patches[:, rows.numbers, columns.numbers, :, rows.kept, columns.kept].flatten(0, 2)
    seen = images[:, :, rows.pixels, columns.pixels]
    products = torch.nn.functional.conv2d(seen, kernels)
    with_sample, with_noise = products.chunk(2, dim=1)  # (n, P, rows, columns)
    squares = torch.nn.functional.conv2d(seen.square(), torch.ones_like(kernels[:1]))
    evidence = []
    for level in LEVELS:
        signal, spread = float(SIGNAL[level]), float(1 - SIGNAL[level])
        # Minus the squared distance of s y from s x + sigma e, over 2 sigma^2, without (s x + sigma e)^2.
        logits = signal / spread * (with_sample - squares / 2)
        logits += (signal / spread) ** 0.5 * with_noise
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
