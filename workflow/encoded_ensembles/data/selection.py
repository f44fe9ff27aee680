"""Which images of a data set are trained on, held out for evaluation, and left over."""

from typing import Any, NamedTuple

import numpy as np

from encoded_ensembles.data.source import Source
from encoded_ensembles.randomness import Purpose, name_digests, turns
from encoded_ensembles.storage.files import InputError

HELD_OUT = 512  # images, where dataset.heldout is null
FOLDER_HELD_OUT = 0.2  # of one's own pictures
FEWEST_HELD_OUT = 2  # a Frechet distance needs as many


class Choice(NamedTuple):
    """Positions of the chosen images, and what an earlier choice is remembered by."""

    training: np.ndarray  # (N,) int64, in the order of the image names
    heldout: np.ndarray  # (heldout,) int64, in the order of the image names
    spare: np.ndarray  # (<= spare,) int64, in random order


def check_heldout(dataset: dict[str, Any]) -> None:
    """Check that `dataset.heldout` of the configuration is a number of images or a share; fill it in.

    Raises:
        InputError: it is neither.
    """
    heldout = dataset["heldout"]
    if heldout is None:
        heldout = FOLDER_HELD_OUT if dataset["name"] == "folder" else HELD_OUT
    if heldout >= 1 and (heldout < FEWEST_HELD_OUT or heldout % 1):
        raise InputError(
            f"config key dataset.heldout is {heldout}, expected a whole number of at least "
            f"{FEWEST_HELD_OUT}, or a share between 0 and 1."
        )
    dataset["heldout"] = int(heldout) if heldout >= 1 else heldout


def choose(
    source: Source,
    *,
    images: int | None,
    heldout: float,
    spare: int,
    seed: int,
    labels: int | None = None,
    per_label: int | None = None,
    ledger: dict[str, np.ndarray] | None = None,
) -> Choice:
    """Choose which images are trained on, held out for evaluation, and left over.

    An image's turn follows from (seed, its name), so the choice does not depend on the order of
    files. Held-out images come from the official test part where there is one, and training images
    never do. Images that were held out or trained on before stay so while there is room: an image
    that comes displaces none of them.

    Args:
        source: all images of the data set.
        images: number to train on; None for all that are not held out.
        heldout: number to hold out for evaluation, or below 1 a share of those that may be held out.
        spare: at most so many of the rest, for training the feature classifier.
        seed: of the choice.
        labels: train on images of so many labels, drawn by their names; None for all.
        per_label: at most so many training images of a label; None for all.
        ledger: `to_ledger` of the earlier choice.

    Raises:
        InputError: the data set is too small.
    """
    names = source.all.names
    turn = turns(names, seed=seed, purpose=Purpose.SELECTION)
    held_before, trained_before = (
        np.isin(name_digests(names), ledger[part]) if ledger else np.zeros(len(names), bool)
        for part in ("heldout", "training")
    )
    order = np.lexsort((turn, np.where(held_before, 0, 1 + trained_before)))
    test = source.test[order]
    pool = order[test] if source.test.any() else order
    before, new = held_before[pool].sum(), (~held_before & ~trained_before)[pool].sum()
    number = _heldout(heldout, available=len(pool), before=int(before), new=int(new))
    held = pool[:number]
    order = np.lexsort((turn, ~trained_before))
    trainable = order[~source.test[order] & ~np.isin(order, held)]
    if labels is not None:
        trainable = trainable[_drawn(source, labels, seed=seed)[trainable]]
    if per_label is not None:
        trainable = trainable[_turn_in_label(source.all.labels[trainable]) < per_label]
    if images is not None and images > len(trainable):
        raise InputError(
            f"dataset.images is {images}, expected at most {len(trainable)}: the data set has "
            f"{len(names)} images, of which {number} are held out (dataset.heldout)"
            + (
                "; dataset.labels and dataset.per_label leave others out"
                if labels or per_label
                else ""
            )
            + "; null takes all that are left."
        )
    training = trainable[:images]
    rest = order[~np.isin(order, np.concatenate([held, training]))][:spare]
    if not len(training):
        raise InputError("no image is left to train on; lower dataset.heldout.")
    training, held = (part[np.argsort(names[part], kind="stable")] for part in (training, held))
    return Choice(training, held, rest)


def _heldout(wanted: float, *, available: int, before: int, new: int) -> int:
    """Return how many images to hold out.

    Args:
        wanted: a number, or below 1 a share of those that may be held out, at least two. A share is
            kept up from new images alone, so that none moves from one part to the other.
        available: how many may be held out.
        before: how many of them were held out before.
        new: how many of them were neither held out nor trained on before.

    Raises:
        InputError: there are fewer.
    """
    number = int(wanted)
    if 0 < wanted < 1:
        share = min(round(wanted * available), before + new)
        number = max(FEWEST_HELD_OUT, before, share)
    if number > available:
        raise InputError(
            f"dataset.heldout is {wanted}, expected at most {available} here, or a share of them "
            "between 0 and 1."
        )
    return number


def _drawn(source: Source, labels: int, *, seed: int) -> np.ndarray:
    """Say which images (N,) bool have one of the `labels` labels whose turn comes first.

    Labels of the test part alone, such as persons who are only in it, do not count.

    Raises:
        InputError: there are fewer labels.
    """
    there = np.unique(source.all.labels[~source.test])
    if labels > len(there):
        raise InputError(f"dataset.labels is {labels}, expected at most {len(there)} here.")
    names = np.array([f"label {name}" for name in source.all.label_names[there].tolist()])
    turn = turns(names, seed=seed, purpose=Purpose.SELECTION)
    return np.isin(source.all.labels, there[np.argsort(turn, kind="stable")[:labels]])


def _turn_in_label(labels: np.ndarray) -> np.ndarray:
    """Return how many earlier entries of `labels` (N,) equal each one, (N,) int64."""
    order = np.argsort(labels, kind="stable")
    _, first, counts = np.unique(labels[order], return_index=True, return_counts=True)
    turn = np.empty(len(labels), np.int64)
    turn[order] = np.arange(len(labels)) - np.repeat(first, counts)
    return turn


def to_ledger(source: Source, choice: Choice) -> dict[str, np.ndarray]:
    """Return what the next choice is told of this one: SHA-256 of the names, (N,) S64 each."""
    names = source.all.names
    return {
        "heldout": np.sort(name_digests(names[choice.heldout])),
        "training": np.sort(name_digests(names[choice.training])),
    }
