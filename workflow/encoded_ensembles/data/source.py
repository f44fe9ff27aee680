"""The content of a data set: all its images, and which of them are its test part."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from encoded_ensembles.data.captions import Captions
from encoded_ensembles.data.images import ImageSet
from encoded_ensembles.progress import track


@dataclass(frozen=True)
class Album:
    """Images that are read in `take`, so that only the chosen images are read.

    Attributes:
        labels: (N,) int64, position in `label_names`.
        label_names: (L,) str.
        names: (N,) str, distinct.
        shape: (H, W, C) of an image.
        read: returns the image at a position, uint8 of shape `shape`.
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
    """The return value of the function of a data set."""

    all: ImageSet | Album
    test: np.ndarray  # (N,) bool; all False if the data set has no official test part
    licence: str
    origin: str
    warnings: tuple[str, ...] = ()  # for the user, one sentence each
    captions: Captions | None = None  # of all images; None if the data set has none, or on request
