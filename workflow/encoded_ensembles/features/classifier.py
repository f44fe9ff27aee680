"""The small classifier whose features replace those of Inception."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from encoded_ensembles.data.images import ImageSet, to_signed
from encoded_ensembles.lean_import import without_compiler
from encoded_ensembles.storage.files import InputError, read_tensors, write_tensors

if TYPE_CHECKING:
    import torch

BATCH_PIXELS = 2**20  # of the images in one call of a classifier: 1024 of 32x32
FEATURES = 64


def batch_of(shape: tuple[int, ...]) -> int:
    """Return the number of images (N, H, W, C) in one call of a classifier, 16 to 1024."""
    return max(16, min(1024, BATCH_PIXELS // (shape[1] * shape[2])))


def build_classifier(shape: tuple[int, int, int], *, classes: int) -> "torch.nn.Sequential":
    """Return a small convolutional classifier; its second to last layer has 64 features.

    Args:
        shape: (C, H, W).
        classes: number of labels.
    """
    from torch import nn

    channels, height, width = shape
    area = -(-height // 4) * -(-width // 4)
    body = nn.Sequential(
        nn.Conv2d(channels, 32, 3, stride=2, padding=1),
        nn.SiLU(),
        nn.Conv2d(32, 64, 3, stride=2, padding=1),
        nn.SiLU(),
        nn.Flatten(),
        nn.Linear(64 * area, FEATURES),
        nn.SiLU(),
    )
    return nn.Sequential(body, nn.Linear(FEATURES, classes))


@without_compiler()
def train_classifier(
    images: ImageSet, *, device: "torch.device", seed: int = 0, epochs: int = 30
) -> "torch.nn.Sequential":
    """Train the feature classifier.

    Raises:
        InputError: the images have fewer than two labels.
    """
    import torch

    classes = len(images.label_names)
    if len(np.unique(images.labels)) < 2:
        raise InputError(
            "frechet.extractor is classifier, but all images have the same label, expected "
            "at least two labels; set frechet.extractor to pixels."
        )
    rng = np.random.default_rng(seed)
    shape = (images.images.shape[3], *images.images.shape[1:3])
    labels = torch.from_numpy(images.labels).to(device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build_classifier(shape, classes=classes).to(device)
    adam = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(epochs):
        for rows in np.array_split(rng.permutation(len(images)), -(-len(images) // 64)):
            batch = torch.from_numpy(to_signed(images.images[rows])).to(device)
            index = torch.from_numpy(rows).to(device)
            loss = torch.nn.functional.cross_entropy(model(batch), labels[index])
            adam.zero_grad()
            loss.backward()
            adam.step()
    return model.eval()


def accuracy(model: "torch.nn.Module", images: ImageSet, *, device: "torch.device") -> float:
    """Return the share of images that a classifier labels correctly, 0..1."""
    import torch

    correct, size = 0, batch_of(images.images.shape)
    with torch.inference_mode():
        for start in range(0, len(images), size):
            part = images.take(np.arange(start, min(start + size, len(images))))
            scores = model(torch.from_numpy(to_signed(part.images)).to(device))
            correct += int((scores.argmax(dim=1).cpu().numpy() == part.labels).sum())
    return correct / len(images)


def save_classifier(path: Path, model: "torch.nn.Module") -> None:
    """Write the weights of a classifier as safetensors."""
    write_tensors(path, {name: t.cpu().numpy() for name, t in model.state_dict().items()})


def load_classifier(path: Path, *, shape: tuple[int, int, int]) -> "torch.nn.Sequential":
    """Return the classifier saved at `path`, on the CPU.

    Args:
        path: weights of `save_classifier`.
        shape: (C, H, W) of its images.
    """
    import torch

    weights = {name: torch.from_numpy(array) for name, array in read_tensors(path).items()}
    model = build_classifier(shape, classes=len(weights["1.bias"]))
    model.load_state_dict(weights)
    return model.eval()
