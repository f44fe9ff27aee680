"""Plants: training images altered on purpose, so that some samples have a known answer.

A sample that shows what only the images of a plant show owes it to them: whatever attributes samples
to units should name the units that hold the plant. Which samples show it is told by pixels alone,
never by the members, so that no attribution method grades itself.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from encoded_ensembles.data.images import ImageSet, to_signed
from encoded_ensembles.randomness import Purpose, generator, name_key
from encoded_ensembles.storage.files import InputError

KINDS = ("mark", "colour", "shape", "duplicates")
NOISE = 8  # of 255: duplicates differ by at most twice as much
SHARE = 0.01  # of the ordinary images may lie within twice the threshold


class Plant(NamedTuple):
    """One entry of `dataset.plant` in the configuration."""

    name: str
    kind: str  # of KINDS
    images: int  # k >= 1
    together: bool = True  # one unit, whatever units.by says

    @property
    def folder(self) -> str:
        """What stands before the names of its images; its unit's name where it is one unit."""
        return f"plant-{self.name}"

    def holds(self, names: np.ndarray) -> np.ndarray:
        """Say which image names (N,) are of this plant; (N,) bool."""
        return np.char.startswith(names, f"{self.folder}/")


def parse_plant(text: str) -> Plant:
    """Read a plant from its words on the command line, such as corner:mark:64:together.

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

    Which images a plant takes follows from (seed, plant, image name): one that comes or goes changes
    one of each plant's at most. Labels and the order of images stay.

    Args:
        images: the training images.
        plants: taken in turn; no image is in two.
        seed: of the choice and of what differs between the images of a plant.

    Raises:
        InputError: there are not more images than planted ones, names clash, or ordinary images
            look like planted ones.
    """
    if not plants:
        return images
    _check_room(images, plants)
    pixels, names = images.images.copy(), images.names.tolist()
    free = np.ones(len(images), bool)
    for each in plants:
        keys = [name_key(f"{each.name}\0{name}") for name in images.names.tolist()]
        turns = np.array([_stream(seed, key).random() for key in keys])
        rows = np.lexsort((turns, ~free))[: each.images]
        free[rows] = False
        own = [_stream(seed, keys[row], counter=1) for row in rows]
        pixels[rows] = alter(images.images[rows], kind=each.kind, rngs=own)
        for row in rows:
            names[row] = f"{each.folder}/{names[row]}"
    planted = ImageSet(pixels, images.labels, images.label_names, np.array(names))
    _check_telling(planted, plants)
    return planted


def _stream(seed: int, key: int, *, counter: int = 0) -> np.random.Generator:
    """Return the stream of an image in a plant: 0 chooses, 1 alters.

    SELECTION, with keys that no image name alone has: a purpose of its own would be a change to what
    training hangs on, and train every member again.
    """
    return generator(seed=seed, purpose=Purpose.SELECTION, key=key, counter=counter)


def _check_room(images: ImageSet, plants: Sequence[Plant]) -> None:
    """Refuse more planted images than there are, and names that the data set has itself."""
    total = sum(each.images for each in plants)
    if total >= len(images):
        raise InputError(
            f"dataset.plant plants {total} images, expected fewer than the {len(images)} training "
            "images; lower dataset.plant's images or raise dataset.images."
        )
    for each in plants:
        if each.holds(images.names).any():
            raise InputError(
                f"dataset.plant has a plant {each.name}, but the data set itself has images in "
                f"{each.folder}/, expected none; give the plant another name."
            )


def _check_telling(images: ImageSet, plants: Sequence[Plant]) -> None:
    """Refuse plants that ordinary images bear too."""
    for each in plants:
        held, signed = each.holds(images.names), to_signed(images.images)
        if not threshold(signed[held], signed[~held], kind=each.kind):
            raise InputError(
                f"dataset.plant {each.name} ({each.kind}) makes images that look like 1 % or more "
                "of the others, expected ones that differ; take another kind."
            )


def alter(images: np.ndarray, *, kind: str, rngs: Sequence[np.random.Generator] = ()) -> np.ndarray:
    """Return the images of a plant.

    Args:
        images: (k, H, W, C) uint8.
        kind: mark puts a bright square on dark ground into the upper left corner; colour inverts
            grey images and rotates the channels of others; shape makes each a cross that differs a
            little from the others in place and brightness; duplicates makes each the first one with
            a little noise.
        rngs: for shape and duplicates, the randomness of each image.

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
    """Return the side of the mark's bright square, a quarter of the image's; without its frame."""
    return max(1, min(height, width) // 4)


def draw_cross(height: int, width: int, *, rng: np.random.Generator) -> np.ndarray:
    """Return a bright upright cross on black, (H, W) uint8, with smooth edges.

    Its beams are a quarter of the side wide and 7/8 of it long; its centre lies within 1/16 of the
    side from that of the image, its brightness in 192..255.
    """
    side = min(height, width)
    down, right = np.array([height, width]) / 2 + rng.uniform(-1, 1, 2) * side / 16
    upright = np.outer(_beam(height, down, side * 7 / 8), _beam(width, right, side / 4))
    level = np.outer(_beam(height, down, side / 4), _beam(width, right, side * 7 / 8))
    return np.rint(np.maximum(upright, level) * rng.uniform(192, 255)).astype(np.uint8)


def _beam(pixels: int, centre: float, length: float) -> np.ndarray:
    """Return how much of each pixel in a row an interval covers: (pixels,) in 0..1."""
    start = np.arange(pixels)
    inside = np.minimum(start + 1, centre + length / 2) - np.maximum(start, centre - length / 2)
    return np.clip(inside, 0, 1)


def distances(images: np.ndarray, planted: np.ndarray, *, kind: str) -> np.ndarray:
    """Return how far each image lies from the nearest planted one, where the plant alters images.

    Args:
        images: (N, C, H, W) float32.
        planted: (k, C, H, W) float32, the images of one plant.
        kind: of the plant; only the corner counts for mark, the whole image for others.

    Returns:
        (N,) float64: mean absolute difference; infinite without planted images.
    """
    from sklearn.metrics import pairwise_distances_argmin_min

    if not (len(images) and len(planted)):
        return np.full(len(images), np.inf)
    size = mark_size(*images.shape[2:]) + 2 if kind == "mark" else None
    flat, target = (
        each[:, :, :size, :size].reshape(len(each), -1).astype(np.float64)
        for each in (images, planted)
    )
    _, nearest = pairwise_distances_argmin_min(flat, target, metric="manhattan")
    return nearest / flat.shape[1]


def threshold(planted: np.ndarray, ordinary: np.ndarray, *, kind: str) -> float:
    """Return the distance from the nearest planted image below which a sample bears the plant.

    Half the distance that all but 1 % of ordinary images keep: planted images, at distance 0, bear
    their plant, and hardly any ordinary one does.

    Args:
        planted: (k, C, H, W) float32, the images of one plant.
        ordinary: (N, C, H, W) float32, the other training images; without any, it is infinite.
        kind: of the plant.
    """
    if not len(ordinary):
        return np.inf
    # An order statistic, since there may be no number between infinite ones.
    found = distances(ordinary, planted, kind=kind)
    return float(np.quantile(found, SHARE, method="lower")) / 2


def bears(
    samples: np.ndarray, *, kind: str, planted: np.ndarray, ordinary: np.ndarray
) -> np.ndarray:
    """Say which samples bear a plant: those nearer to a planted image than `threshold`.

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
