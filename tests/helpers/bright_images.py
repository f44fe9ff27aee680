"""For tests of features: images whose label can be seen."""

import numpy as np
from encoded_ensembles.data import images as data


def image_set(count, classes=2, seed=0):
    """Images whose label can be seen: class 1 is brighter."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    images = rng.integers(0, 100, (count, 8, 8, 1)) + 120 * labels[:, None, None, None]
    names = np.array([f"x/{i}" for i in range(count)])
    label_names = np.array([str(i) for i in range(classes)])
    return data.ImageSet(images.astype(np.uint8), labels, label_names, names)
