"""The content of a data set: all its images, and which of them are its test part."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from encoded_ensembles.data.captions import Captions
from encoded_ensembles.data.images import ImageSet
from encoded_ensembles.data.sources.pictures import shown
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
    warnings: tuple[str, ...] = ()  # for the user, one sentence each, that name no image
    captions: Captions | None = None  # of all images; None if the data set has none, or on request
    remarks: Mapping[str, Sequence[str]] = MappingProxyType(
        {}
    )  # names of images, by what is said of them


def warnings_of(source: Source, *, left_out: Collection[str] = ()) -> list[str]:
    """Return warnings for the user on a data set, one sentence each.

    Args:
        source: the data set.
        left_out: names of images that are neither counted nor named.
    """
    total = len(source.all.names) - len(left_out)
    remarks = {
        remark: [name for name in names if name not in left_out]
        for remark, names in source.remarks.items()
    }
    return [
        *(
            f"{len(names)} of {total} pictures, such as {shown(names[0])}: {remark}."
            for remark, names in sorted(remarks.items())
            if names
        ),
        *source.warnings,
    ]


def captions_without(source: Source, left_out: Collection[str]) -> Captions | None:
    """Return the captions of a data set without those of some images.

    A caption of no image is left out too if all images in its first folder are: the folder may be the unit.

    Args:
        source: the data set.
        left_out: names of images.
    """
    if source.captions is None or not left_out:
        return source.captions
    names = source.all.names.tolist()
    stays = np.array([name not in left_out for name in names])
    gone = {_first_folder(name) for name in left_out} - {
        _first_folder(name) for name, here in zip(names, stays.tolist(), strict=True) if here
    }
    missing, empty = (
        tuple(name for name in kind if name not in left_out)
        for kind in (source.captions.missing, source.captions.empty)
    )
    extra = tuple(name for name in source.captions.extra if _first_folder(name) not in gone)
    return Captions(source.captions.texts[stays], missing, empty, extra)


def _first_folder(name: str) -> str:
    """Return the first folder of a name, "" if it has none."""
    return name.rpartition("/")[0].split("/")[0]


def hide_labels(images: ImageSet, labels: np.ndarray) -> ImageSet:
    """Return an image set where some labels have no name if none of its images has them; all keep their numbers.

    Args:
        images: the image set.
        labels: (K,) int64, numbers of the labels.
    """
    names = images.label_names.copy()
    names[np.setdiff1d(labels, images.labels)] = ""
    return ImageSet(images.images, images.labels, names, images.names)
