"""Plants: training images altered on purpose, so that some samples have a known attribution.

A sample that shows the content of a plant must have it from the images of the plant: an attribution
method should name their units. Pixels alone determine which samples show a plant, not the members, so
that no attribution method grades itself.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from encoded_ensembles.data.images import ImageSet, to_signed
from encoded_ensembles.randomness import Purpose, generator, name_key
from encoded_ensembles.storage.files import InputError

KINDS = ("mark", "colour", "shape", "duplicates")
NOISE = 8  # of 255: duplicates differ by at most twice this value
SHARE = 0.01  # of the ordinary images may be within twice the threshold


class Plant(NamedTuple):
    """One entry of `dataset.plant` in the configuration."""

    name: str
    kind: str  # of KINDS
    images: int  # k >= 1
    together: bool = True  # one unit, independent of units.by

    @property
    def folder(self) -> str:
        """The folder in the names of its images; also its unit's name if it is one unit."""
        return f"plant-{self.name}"

    def holds(self, names: np.ndarray) -> np.ndarray:
        """Return which image names (N,) belong to this plant, (N,) bool."""
        return np.char.startswith(names, f"{self.folder}/")


def parse_plant(text: str) -> Plant:
    """Return the plant of a command-line value such as corner:mark:64:together.

    Raises:
        InputError: it is not NAME:KIND:IMAGES:together or NAME:KIND:IMAGES:apart.
    """
    name, kind, images, units = (*text.split(":"), "", "", "", "")[:4]
    known = kind in KINDS and units in ("together", "apart")
    if not (name and known and images.isdecimal() and int(images) and text.count(":") == 3):
        raise InputError(
            f"--plant is {text}, expected NAME:KIND:IMAGES:together or NAME:KIND:IMAGES:apart with "
            f"KIND one of {', '.join(KINDS)} and at least one image."
        )
    return Plant(name, kind, int(images), units == "together")


def plant_images(images: ImageSet, plants: Sequence[Plant], *, seed: int) -> ImageSet:
    """Return the images with those of each plant altered and renamed plant-{plant}/{name}.

    The images of a plant depend on (seed, plant, image name): adding or removing an image changes at
    most one image of each plant. Labels and the order of images do not change.

    Args:
        images: the training images.
        plants: in this order; no image is in two plants.
        seed: of the choice, and of the differences between the images of a plant.

    Raises:
        InputError: all images would be planted, names clash, or ordinary images look like planted
            ones.
    """
    if not plants:
        return images
    _check_room(images, plants)
    pixels, names = images.images.copy(), images.names.tolist()
    free = np.ones(len(images), bool)
    for plant in plants:
        keys = [name_key(f"{plant.name}\0{name}") for name in images.names.tolist()]
        turns = np.array([_stream(seed, key).random() for key in keys])
        rows = np.lexsort((turns, ~free))[: plant.images]
        free[rows] = False
        rngs = [_stream(seed, keys[row], counter=1) for row in rows]
        pixels[rows] = alter(images.images[rows], kind=plant.kind, rngs=rngs)
        for row in rows:
            names[row] = f"{plant.folder}/{names[row]}"
    planted = ImageSet(pixels, images.labels, images.label_names, np.array(names))
    _check_telling(planted, plants)
    return planted


def _stream(seed: int, key: int, *, counter: int = 0) -> np.random.Generator:
    """Return the random stream of an image in a plant; counter 0 is for the choice, 1 for the change.

    The keys differ from those of image names, so SELECTION is safe. A new purpose would change the
    code that training depends on, and train every member again.
    """
    return generator(seed=seed, purpose=Purpose.SELECTION, key=key, counter=counter)


def _check_room(images: ImageSet, plants: Sequence[Plant]) -> None:
    """Raise an error if all images would be planted, or if names of a plant exist already."""
    total = sum(plant.images for plant in plants)
    if total >= len(images):
        raise InputError(
            f"dataset.plant plants {total} images, expected fewer than the {len(images)} training "
            "images; lower dataset.plant's images or raise dataset.images."
        )
    for plant in plants:
        if plant.holds(images.names).any():
            raise InputError(
                f"dataset.plant has a plant {plant.name}, but the data set itself has images in "
                f"{plant.folder}/, expected none; give the plant another name."
            )


def _check_telling(images: ImageSet, plants: Sequence[Plant]) -> None:
    """Raise an error if ordinary images show a plant."""
    for plant in plants:
        is_planted, signed = plant.holds(images.names), to_signed(images.images)
        if not threshold(signed[is_planted], signed[~is_planted], kind=plant.kind):
            raise InputError(
                f"dataset.plant {plant.name} ({plant.kind}) makes images that look like 1 % or more "
                "of the others, expected distinct images; use another kind."
            )


def alter(images: np.ndarray, *, kind: str, rngs: Sequence[np.random.Generator] = ()) -> np.ndarray:
    """Return the images of a plant.

    Args:
        images: (k, H, W, C) uint8.
        kind: mark draws a bright square on dark ground in the upper left corner; colour inverts
            grey images and rotates the channels of others; shape replaces each image by a cross of
            slightly different position and brightness; duplicates replaces each image by the first
            one with a little noise.
        rngs: for shape and duplicates, a generator for each image.

    Returns:
        (k, H, W, C) uint8.

    Raises:
        ValueError: the kind is unknown.
    """
    if kind == "mark":
        size = mark_size(*images.shape[1:3])
        marked = images.copy()
        marked[:, : size + 2, : size + 2] = 0
        marked[:, 1 : size + 1, 1 : size + 1] = 255
        return marked
    if kind == "colour":
        return 255 - images if images.shape[-1] == 1 else np.roll(images, 1, axis=-1)
    if kind == "shape":
        crosses = [draw_cross(*images.shape[1:3], rng=rng) for rng in rngs]
        return np.broadcast_to(np.stack(crosses)[..., None], images.shape)
    if kind == "duplicates":
        noise = [rng.integers(-NOISE, NOISE + 1, images.shape[1:]) for rng in rngs]
        return np.clip(images[0] + np.stack(noise), 0, 255).astype(np.uint8)
    raise ValueError(f"kind is {kind!r}, expected one of {', '.join(KINDS)}")


def mark_size(height: int, width: int) -> int:
    """Return the side of the mark's bright square without its frame, a quarter of the image's side."""
    return max(1, min(height, width) // 4)


def draw_cross(height: int, width: int, *, rng: np.random.Generator) -> np.ndarray:
    """Return a bright upright cross on black, (H, W) uint8, with smooth edges.

    Its beams are 1/4 of the side wide and 7/8 long; its centre is within 1/16 of the side from the
    centre of the image in each direction, its brightness in 192..255.
    """
    side = min(height, width)
    down, right = np.array([height, width]) / 2 + rng.uniform(-1, 1, 2) * side / 16
    upright = np.outer(_beam(height, down, side * 7 / 8), _beam(width, right, side / 4))
    level = np.outer(_beam(height, down, side / 4), _beam(width, right, side * 7 / 8))
    return np.rint(np.maximum(upright, level) * rng.uniform(192, 255)).astype(np.uint8)


def _beam(pixels: int, centre: float, length: float) -> np.ndarray:
    """Return the share of each pixel in a row that an interval covers, (pixels,) in 0..1."""
    start = np.arange(pixels)
    inside = np.minimum(start + 1, centre + length / 2) - np.maximum(start, centre - length / 2)
    return np.clip(inside, 0, 1)


def distances(images: np.ndarray, planted: np.ndarray, *, kind: str) -> np.ndarray:
    """Return the distance of each image from the nearest planted one, in the altered region.

    Args:
        images: (N, C, H, W) float32.
        planted: (k, C, H, W) float32, the images of one plant.
        kind: of the plant; the region is the corner for mark, the whole image for others.

    Returns:
        (N,) float64: mean absolute difference; infinite without planted images.
    """
    from sklearn.metrics import pairwise_distances_argmin_min

    if not (len(images) and len(planted)):
        return np.full(len(images), np.inf)
    size = mark_size(*images.shape[2:]) + 2 if kind == "mark" else None
    flat, target = (
        pixels[:, :, :size, :size].reshape(len(pixels), -1).astype(np.float64)
        for pixels in (images, planted)
    )
    _, nearest = pairwise_distances_argmin_min(flat, target, metric="manhattan")
    return nearest / flat.shape[1]


def threshold(planted: np.ndarray, ordinary: np.ndarray, *, kind: str) -> float:
    """Return the distance from the nearest planted image below which a sample shows the plant.

    It is half the 1 % quantile of the distances of ordinary images: planted images, at distance 0, show
    their plant, and at most 1 % of ordinary images do.

    Args:
        planted: (k, C, H, W) float32, the images of one plant.
        ordinary: (N, C, H, W) float32, the other training images; without them, the result is infinite.
        kind: of the plant.
    """
    if not len(ordinary):
        return np.inf
    # method="lower", because interpolation between infinite values gives NaN.
    from_planted = distances(ordinary, planted, kind=kind)
    return float(np.quantile(from_planted, SHARE, method="lower")) / 2


def bears(
    samples: np.ndarray, *, kind: str, planted: np.ndarray, ordinary: np.ndarray
) -> np.ndarray:
    """Return which samples show a plant: those closer to a planted image than `threshold`.

    Args:
        samples: (B, C, H, W) float32 in [-1, 1].
        kind: of the plant.
        planted: (k, C, H, W) float32 in [-1, 1], its training images.
        ordinary: (N, C, H, W) float32 in [-1, 1], the other training images.

    Returns:
        (B,) bool.
    """
    limit = threshold(planted, ordinary, kind=kind)
    return distances(samples, planted, kind=kind) < limit
