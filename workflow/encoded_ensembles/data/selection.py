"""The choice of images to train on, to hold out for evaluation, and to leave as spare."""

from typing import Any, NamedTuple

import numpy as np

from encoded_ensembles.data.source import Source
from encoded_ensembles.randomness import Purpose, name_digests, turns
from encoded_ensembles.storage.files import InputError

HELD_OUT = 512  # images, if dataset.heldout is null
FOLDER_HELD_OUT = 0.2  # share for a folder of pictures
FEWEST_HELD_OUT = 2  # the least for a Frechet distance


class Choice(NamedTuple):
    """Positions of the chosen images in the data set."""

    training: np.ndarray  # (N,) int64, in the order of the image names
    heldout: np.ndarray  # (heldout,) int64, in the order of the image names
    spare: np.ndarray  # (<= spare,) int64, in random order


def check_heldout(dataset: dict[str, Any]) -> None:
    """Check that `dataset.heldout` is a number of images or a share; fill in its default.

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
    """Return the images to train on, to hold out for evaluation, and to leave as spare.

    Images are sorted by random keys of (seed, name), so the choice does not depend on the order of
    files. If there is an official test part, held-out images come from it, and training images never
    do. Images keep their part of an earlier choice as long as there is room: new images displace none
    of them.

    Args:
        source: all images of the data set.
        images: number to train on; None for all that are not held out.
        heldout: number to hold out for evaluation; below 1, a share of the candidates.
        spare: largest number of the remaining images, for training the feature classifier.
        seed: of the choice.
        labels: number of labels to train on, drawn by their names; None for all.
        per_label: largest number of training images per label; None for all.
        ledger: `to_ledger` of the earlier choice.

    Raises:
        InputError: the data set is too small.
    """
    names = source.all.names
    turn = turns(names, seed=seed, purpose=Purpose.SELECTION)
    heldout_before, trained_before = (
        np.isin(name_digests(names), ledger[part]) if ledger else np.zeros(len(names), bool)
        for part in ("heldout", "training")
    )
    order = np.lexsort((turn, np.where(heldout_before, 0, 1 + trained_before)))
    test = source.test[order]
    pool = order[test] if source.test.any() else order
    before, new = heldout_before[pool].sum(), (~heldout_before & ~trained_before)[pool].sum()
    number = _heldout(heldout, available=len(pool), before=int(before), new=int(new))
    heldout_rows = pool[:number]
    order = np.lexsort((turn, ~trained_before))
    trainable = order[~source.test[order] & ~np.isin(order, heldout_rows)]
    if labels is not None:
        trainable = trainable[_drawn(source, labels, seed=seed)[trainable]]
    if per_label is not None:
        trainable = trainable[_turn_in_label(source.all.labels[trainable]) < per_label]
    if images is not None and images > len(trainable):
        raise InputError(
            f"dataset.images is {images}, expected at most {len(trainable)}: the data set has "
            f"{len(names)} images, of which {number} are held out (dataset.heldout)"
            + (
                "; dataset.labels and dataset.per_label exclude others"
                if labels or per_label
                else ""
            )
            + "; null trains on all that remain."
        )
    training = trainable[:images]
    rest = order[~np.isin(order, np.concatenate([heldout_rows, training]))][:spare]
    if not len(training):
        raise InputError(
            "no image is left to train on, expected at least one; lower dataset.heldout."
        )
    training, heldout_rows = (
        part[np.argsort(names[part], kind="stable")] for part in (training, heldout_rows)
    )
    return Choice(training, heldout_rows, rest)


def _heldout(wanted: float, *, available: int, before: int, new: int) -> int:
    """Return the number of images to hold out.

    Args:
        wanted: a number; below 1, a share of the candidates, at least two images. A share is filled
            from new images only, so that no image changes from one part to the other.
        available: number of candidates.
        before: how many of them were held out before.
        new: how many of them were neither held out nor trained on before.

    Raises:
        InputError: there are too few candidates.
    """
    number = int(wanted)
    if 0 < wanted < 1:
        share = min(round(wanted * available), before + new)
        number = max(FEWEST_HELD_OUT, before, share)
    if number > available:
        raise InputError(
            f"dataset.heldout is {wanted}, expected at most {available} for this data set, or a "
            "share between 0 and 1."
        )
    return number


def _drawn(source: Source, labels: int, *, seed: int) -> np.ndarray:
    """Return which images (N,) bool have one of the `labels` labels with the smallest random keys.

    Labels that occur only in the test part, such as persons in CelebA, do not count.

    Raises:
        InputError: there are fewer labels.
    """
    present = np.unique(source.all.labels[~source.test])
    if labels > len(present):
        raise InputError(
            f"dataset.labels is {labels}, expected at most {len(present)} for this data set."
        )
    names = np.array([f"label {name}" for name in source.all.label_names[present].tolist()])
    turn = turns(names, seed=seed, purpose=Purpose.SELECTION)
    return np.isin(source.all.labels, present[np.argsort(turn, kind="stable")[:labels]])


def _turn_in_label(labels: np.ndarray) -> np.ndarray:
    """Return the number of equal earlier entries for each of `labels` (N,), (N,) int64."""
    order = np.argsort(labels, kind="stable")
    _, first, counts = np.unique(labels[order], return_index=True, return_counts=True)
    turn = np.empty(len(labels), np.int64)
    turn[order] = np.arange(len(labels)) - np.repeat(first, counts)
    return turn


def to_ledger(source: Source, choice: Choice) -> dict[str, np.ndarray]:
    """Return the ledger of a choice for the next one: SHA-256 of the names, (N,) S64 each."""
    names = source.all.names
    return {
        "heldout": np.sort(name_digests(names[choice.heldout])),
        "training": np.sort(name_digests(names[choice.training])),
    }
