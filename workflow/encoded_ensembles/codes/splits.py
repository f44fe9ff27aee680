"""Splits: the training set of one member, and its manifest file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from encoded_ensembles.data.images import ImageSet, image_digests, read_images, set_digest
from encoded_ensembles.randomness import Purpose, turns
from encoded_ensembles.storage.files import (
    InputError,
    read_arrays,
    sha256_file,
    write_facts,
    write_text,
)

FULL = "full"  # the single-model baseline, trained on all units


class Split(NamedTuple):
    """The training set of one member."""

    rows: np.ndarray  # (S,) int64: positions in the image set, ascending
    digest: str  # SHA-256 of the names and pixels of its images, independent of order


def make_split(images: ImageSet, *, unit_of: np.ndarray, seen: np.ndarray) -> Split:
    """Return the split of one network.

    Args:
        images: N images.
        unit_of: (N,) int64.
        seen: (U,) bool, the units it trains on, such as a column of the code matrix.
    """
    index = np.flatnonzero(seen[unit_of])
    part = images.take(index)
    return Split(index, set_digest(image_digests(part.images, part.names)))


def labels_digest(images: ImageSet) -> str:
    """Return the SHA-256 of the pairs of image name and label, independent of order."""
    named = images.label_names[images.labels].tolist()
    return set_digest(f"{name}\0{label}" for name, label in zip(images.names, named, strict=True))


def classes_digest(images: ImageSet) -> str:
    """Return the SHA-256 of `labels_digest` and of all label names by their numbers.

    The names decide how many classes a network has, and which number each label has, also where no image of the split
    has that label.
    """
    numbered = (f"{number}\0{label}" for number, label in enumerate(images.label_names.tolist()))
    return set_digest([labels_digest(images), *numbered])


def random_half(names: np.ndarray, *, share: float, model: int, seed: int) -> np.ndarray:
    """Draw the units that a held-out model trains on.

    Source: datamodels of Ilyas et al., arXiv 2202.00622, and their use to grade attribution, Park et
    al., arXiv 2303.14186.

    Args:
        names: (U,) of the units.
        share: of the units to draw, 0..1.
        model: number of the model.
        seed: of the draw.

    Returns:
        (U,) bool with round(share * U) units, at least one.
    """
    turn = turns(names, seed=seed, purpose=Purpose.HELDOUT, counter=model)
    drawn = np.zeros(len(names), bool)
    drawn[np.argsort(turn, kind="stable")[: max(1, round(share * len(names)))]] = True
    return drawn


def to_ranges(index: np.ndarray) -> str:
    """Return ascending whole numbers as ranges: [0, 1, 2, 5] becomes "0-2 5"."""
    runs = np.split(index, np.flatnonzero(np.diff(index) != 1) + 1) if len(index) else []
    return " ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)


def from_ranges(text: str) -> np.ndarray:
    """Return the numbers of a text of `to_ranges`, (S,) int64."""
    pairs = [part.partition("-") for part in text.split()]
    runs = [np.arange(int(first), int(last or first) + 1) for first, _, last in pairs]
    return np.concatenate(runs) if runs else np.zeros(0, np.int64)


def to_manifest(split: Split, *, member: str) -> dict[str, Any]:
    """Return the split as the JSON facts of its manifest."""
    return {
        "member": member,
        "count": len(split.rows),
        "images": to_ranges(split.rows),
        "digest": split.digest,
    }


def select(images: ImageSet, manifest: dict[str, Any]) -> ImageSet:
    """Return the images that a manifest names, checked against its digest.

    Raises:
        InputError: the manifest was made for other images.
    """
    index = from_ranges(manifest["images"])
    if len(index) and index[-1] >= len(images):
        raise InputError(
            f"the split of member {manifest['member']} names image {index[-1]}, but the image set "
            f"has {len(images)}; make the split again."
        )
    part = images.take(index)
    digest = set_digest(image_digests(part.images, part.names))
    if digest != manifest["digest"]:
        raise InputError(
            f"the split of member {manifest['member']} has digest {manifest['digest']}, but its "
            f"images now have {digest}; make the split again."
        )
    return part


def read_coded(data: Path, code: Path) -> tuple[ImageSet, dict[str, np.ndarray]]:
    """Return training images and the arrays of their code.

    Raises:
        InputError: the two are from different runs.
    """
    arrays, images = read_arrays(code), read_images(data)
    if len(arrays["unit_of"]) != len(images):
        raise InputError(
            f"{code} is the code of {len(arrays['unit_of'])} images and {data} holds {len(images)}, "
            "expected both from one run; give the files of one run, or run snakemake again."
        )
    return images, arrays


def write_splits(
    images: ImageSet,
    unit_of: np.ndarray,
    splits: Mapping[str, tuple[str, np.ndarray]],
    folder: Path,
    *,
    classes: bool,
    captioned: bool,
) -> None:
    """Write manifests and digests of splits.

    The digest covers names and pixels of the images, not their positions, with `captioned` their labels, which are captions, and with
    `classes` `classes_digest`: it changes if and only if a network has to be trained again.

    Args:
        images: N images.
        unit_of: (N,) int64.
        splits: by name of the files, the name of the network and the units that it sees, (U,) bool.
        folder: to write to.
        classes: whether networks are conditioned on labels.
        captioned: whether they are conditioned on captions, which the labels of the images are then.
    """
    for name, (member, seen) in splits.items():
        split = make_split(images, unit_of=unit_of, seen=seen)
        part, labels = images.take(split.rows), ""
        if captioned:
            labels = labels_digest(part) + "\n"
        elif classes:
            labels = classes_digest(part) + "\n"
        manifest, digest = (folder / f"{name}{end}" for end in (".json", ".sha256"))
        write_text(digest, f"{split.digest}\n{labels}")
        kept = {digest.name: sha256_file(digest)}
        write_facts(manifest, to_manifest(split, member=member), kept=kept)
