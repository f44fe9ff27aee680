"""What remains of some units in the folder of a run, and what deletes it.

Found by place, not by content: the rule or verb that writes a file determines what it holds. Other
folders are not searched.
"""

from collections.abc import Container, Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import numpy as np

from encoded_ensembles.codes.splits import FULL
from encoded_ensembles.data.captions import find_words
from encoded_ensembles.data.images import ImageSet, pixel_digests, read_images
from encoded_ensembles.data.near_duplicates import cluster
from encoded_ensembles.data.units import Grouping, assign_units
from encoded_ensembles.runs.integrity import DAMAGED, files_of
from encoded_ensembles.runs.walk import leads_out, walk
from encoded_ensembles.storage.disk import FOLDERS, SUFFIX


class Goes(StrEnum):
    """What deletes a file, or replaces it by one without the units."""

    RERUN = "goes when the run is made again under the new configuration"
    DELETED = "goes with --delete-remains"
    STAYS = "stays"


class Remain(NamedTuple):
    """Files in one place that hold data of the units."""

    place: str  # relative to the run
    holds: str
    goes: Goes
    files: list[Path]


UNKNOWN = "not known: no verb of this program writes it there"
NAMES = "their names"
NUMBERS = f"{NAMES}, and numbers measured on them"
PICTURES = "the pictures, their names, samples"
SAMPLES = "samples by members that saw them"
WEIGHTS = "weights trained on them"
RECORDS = ("run.json", "config.yaml")  # records of the configuration
# By the first part of a path; None: no data of any unit.
HOLDS = {
    "data": "the pictures and their names",
    "code": f"{NAMES}, digests and code words",
    "splits": "which images the member saw, and their digest",
    "members": WEIGHTS,
    "checkpoints": WEIGHTS,
    "retrain": f"{WEIGHTS}, {SAMPLES}, {NAMES}",
    "heldout": f"{WEIGHTS}, {SAMPLES}",
    "samples": SAMPLES,
    "text": f"latents of the pictures, captions, {NAMES}",
    "landscape": SAMPLES,
    "sets": SAMPLES,
    "frechet": SAMPLES,
    "influence": NUMBERS,
    "contrast": NUMBERS,
    "queries": f"the pictures, {NUMBERS}",
    "expected": NUMBERS,
    "grade": NUMBERS,
    "rivals": f"{NUMBERS}, gradients of the pictures",
    "planted": NUMBERS,
    "studies": NUMBERS,
    "figures": PICTURES,
    "gallery.html": PICTURES,
    **dict.fromkeys(RECORDS, f"{NAMES}, in units.exclude when it is made again"),
    "logs": f"{NAMES} where a job printed them",
    "ledger": "their names as hashes; without it other units may get other words",
    "ensemble": f"{WEIGHTS}, {NAMES}",
    "universe.ctf": "the pictures, samples",
    "universe.npz": f"{NAMES}, samples",
    "certificates": f"{NAMES} and digests, samples; none holds for the run without them",
    "forget": f"{NAMES} and digests, samples",
    **dict.fromkeys(("noise", "autoencoder", "base", "benchmarks", "perceptual")),
}
OF_NETWORKS = ("splits", "members", "checkpoints")
OTHER_NETWORKS = ("same", "fresh", "control", "heldout")  # some of these saw the units
EXPORTS = ("ensemble", "universe.ctf", "universe.npz", "certificates", "logs")
USES = ("training", "heldout", "spare")  # files of images, in data/
SET_ASIDE = ("data/heldout.npz", "data/spare.npz")
FEATURES = "frechet/classifier"  # files of the feature classifier
REQUESTS = ("answer.json", "config.yaml")  # files of each request, in forget/


def find_remains(
    run: Path,
    *,
    kept: Iterable[str],
    again: Iterable[str],
    answer: Path,
    classifier: bool,
) -> list[Remain]:
    """Return the files that hold data of some units, by place.

    Args:
        run: folder of the run.
        kept: names of the members that saw none of the units; any other network may have seen them,
            such as one of an earlier, larger ensemble.
        again: files of the run under the new configuration, relative to its folder.
        answer: folder of the answer to this request, which stays.
        classifier: whether the feature classifier may have seen training images.
    """
    never_saw, new_files = {*kept}, {*again}
    written = {file.relative_to(run).as_posix() for file in files_of(run)}
    files_of_place: dict[tuple[str, str, Goes], list[Path]] = {}
    for file in sorted(walk(run)):
        name = file.relative_to(run).as_posix()
        place, holds = _look(name, never_saw, classifier=classifier)
        if holds and (file.is_symlink() or file.is_file()):
            stays = file.absolute().is_relative_to(answer.absolute())
            goes = Goes.STAYS if stays else _goes(name, new_files, written)
            if target := leads_out(file, run):
                place, holds, goes = name, f"a link to {target}: {holds}", Goes.STAYS
            elif goes is Goes.STAYS and place.split("/")[0] in FOLDERS - {"ledger"}:
                place, holds = name, UNKNOWN
            files_of_place.setdefault((place, holds, goes), []).append(file)
    return [Remain(*key, files) for key, files in sorted(files_of_place.items())]


def _look(name: str, kept: set[str], *, classifier: bool) -> tuple[str, str | None]:
    """Return the place of a file, and what it holds of the units; None if nothing."""
    first, *rest = name.split("/")
    if name.endswith(SUFFIX) or first.startswith(".ensemble."):
        return first, "what a killed job was writing"
    if first not in HOLDS:
        return first, UNKNOWN
    if name.startswith(SET_ASIDE):
        return first, None
    if name.startswith(FEATURES):
        return FEATURES, WEIGHTS if classifier else None
    if first not in OF_NETWORKS or not rest:
        return first, HOLDS[first]
    network = rest[1] if rest[0] == "trained" and rest[1:] else rest[0]
    network = network.split(".")[0]  # splits/00.sha256, checkpoints/00.safetensors
    others = network in OTHER_NETWORKS and first != "members"
    trained = others or network == FULL or network.isdecimal()
    place = f"{first}/{rest[0]}" if rest[1:] else first
    return place, HOLDS[first] if trained and network not in kept else None


def _goes(name: str, again: set[str], ours: set[str]) -> Goes:
    """Return what deletes a file."""
    first, last = name.split("/")[0], name.rpartition("/")[2]
    if name in again:
        return Goes.STAYS if name in RECORDS else Goes.RERUN
    if name.endswith((DAMAGED, SUFFIX)) or first.startswith(".ensemble."):
        return Goes.DELETED
    if first == "ledger" or (first == "forget" and last in REQUESTS):
        return Goes.STAYS
    exported = first in ("checkpoints", "forget", *EXPORTS)
    return Goes.DELETED if exported or name in ours else Goes.STAYS


def find_kin(
    images: ImageSet,
    names: list[str],
    pixels: Container[str],
    *,
    by: str,
    caption_of: Mapping[str, str] | None = None,
    listed: Iterable[str] = (),
) -> list[str]:
    """Return the names of held-out or spare images that belong to some units.

    Args:
        images: held-out or spare images.
        names: names of the units.
        pixels: digests of the pixels of the units' images.
        by: what makes images a unit, as in `units.by`; by label, folder and word such images belong to
            units.
        caption_of: their captions by name, for by word; an image may hold several words.
        listed: names of images that a table gives to the units, or that are near-duplicates of theirs.
    """
    same = np.array([digest in pixels for digest in pixel_digests(images.images)], bool)
    if len(images) and by in ("label", "folder"):
        units = assign_units(images, Grouping(by))
        same |= np.isin(units.names, names)[units.unit_of]
    if len(images) and by == "word":
        texts = [(caption_of or {}).get(name, "") for name in images.names.tolist()]
        same |= find_words(names, texts).any(axis=0)
    same |= np.isin(images.names, [*listed])
    return images.names[same].tolist()


def find_near(images: ImageSet, of: ImageSet, *, metric: str, threshold: float) -> list[str]:
    """Return the names of held-out or spare images that are near-duplicates of a unit's, as for `units.by`.

    Args:
        images: held-out or spare images.
        of: training images of units.
        metric: as in `units.metric`.
        threshold: as in `units.threshold`.
    """
    joined = ImageSet(
        np.concatenate([images.images, of.images]),
        np.concatenate([images.labels, of.labels]),
        images.label_names,
        np.concatenate([images.names, of.names]),
    )
    first = cluster(joined, metric=metric, threshold=threshold)
    near = np.isin(first[: len(images)], first[len(images) :])
    return images.names[near].tolist()


def find_labels(run: Path, forgotten: np.ndarray, *, classes: bool) -> list[Remain]:
    """Return the files of images that name a label of some units, while none of their images will have it.

    Args:
        run: folder of the run.
        forgotten: (N,) bool, the training images of the units.
        classes: whether members are conditioned on labels; then all names stay.
    """
    images = {use: read_images(run / "data" / f"{use}.npz") for use in USES}
    labels, remains = images["training"].labels, []
    gone = np.setdiff1d(labels[forgotten], labels[~forgotten])
    holds, goes = "names of labels that only their images have", Goes.RERUN
    if classes:
        holds, goes = f"{holds}, which digests of splits cover (model.classes)", Goes.STAYS
    for use in USES if classes else USES[1:]:  # without classes as all of training.npz
        rest = gone if use == "training" else np.setdiff1d(gone, images[use].labels)
        if any(images[use].label_names[rest]):
            name = f"data/{use}.npz"
            remains.append(Remain(name, holds, goes, [run / name]))
    return remains


def delete(remains: Iterable[Remain]) -> int:
    """Delete files that are deleted on request, and folders then empty; return the number of files.

    A folder that is a link stays, empty.
    """
    files = [file for each in remains if each.goes is Goes.DELETED for file in each.files]
    for file in files:
        file.unlink(missing_ok=True)
        for folder in file.parents:
            if folder.is_symlink() or any(folder.iterdir()):
                break
            folder.rmdir()
    return len(files)
