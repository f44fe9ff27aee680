"""What a data set offers: all its images, and which of them are its test part."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from encoded_ensembles.data.images import ImageSet
from encoded_ensembles.progress import track


@dataclass(frozen=True)
class Album:
    """Images that are read when they are taken, so that only the chosen ones are.

    Attributes:
        labels: (N,) int64, position in `label_names`.
        label_names: (L,) str.
        names: (N,) str, distinct.
        shape: (H, W, C) of an image.
        read: returns the image at a position, of this shape, uint8.
    """

    labels: np.ndarray
    label_names: np.ndarray
    names: np.ndarray
    shape: tuple[int, int, int]
    read: Callable[[int], np.ndarray]

    def take(self, index: np.ndarray) -> ImageSet:
        """Return the images at `index`."""
        images = np.empty((len(index), *self.shape), np.uint8)
        places = track(range(len(index)), label="reading images", total=len(index))
        for place in places:
            images[place] = self.read(int(index[place]))
        return ImageSet(images, self.labels[index], self.label_names, self.names[index])


class Source(NamedTuple):
    """What a data set's function returns: all its images, and which of them are its test part."""

    all: ImageSet | Album
    test: np.ndarray  # (N,) bool; all False where the data set has no official test part
    licence: str
    origin: str
    warnings: tuple[str, ...] = ()  # what the user should know of it, one sentence each
