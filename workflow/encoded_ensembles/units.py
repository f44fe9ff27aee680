"""Units: what gets a code word. An image is one unit, or all images with one label are."""

from typing import NamedTuple

import numpy as np

from encoded_ensembles.data import ImageSet


class Units(NamedTuple):
    """The units of an image set."""

    names: np.ndarray  # (U,) str, distinct
    unit_of: np.ndarray  # (N,) int64: the unit of each image


def assign_units(images: ImageSet, *, by: str) -> Units:
    """Return the units of `images`, sorted by name.

    Args:
        images: N images.
        by: "image" (every image is a unit of its own) or "label".

    Raises:
        ValueError: `by` is neither.
    """
    if by == "image":
        of_image = images.names
    elif by == "label":
        of_image = images.label_names[images.labels]
    else:
        raise ValueError(f"by is {by!r}, expected 'image' or 'label'")
    names, unit_of = np.unique(of_image, return_inverse=True)
    return Units(names, unit_of.astype(np.int64))
