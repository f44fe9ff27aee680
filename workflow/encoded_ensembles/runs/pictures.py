"""Given pictures: what members make of pictures that the ensemble did not sample."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from encoded_ensembles.data.images import ImageSet, pixel_digests, to_signed
from encoded_ensembles.data.likeness import See, nearest_units
from encoded_ensembles.ensemble.given_pictures import given_estimates, spread_levels
from encoded_ensembles.influence.decoys import Watch
from encoded_ensembles.members.batches import as_seen
from encoded_ensembles.runs import layout
from encoded_ensembles.storage.files import InputError, read_table

if TYPE_CHECKING:
    import pandas as pd


def watch_pictures(
    engine: Mapping[str, Any],
    code: Mapping[str, np.ndarray],
    training: ImageSet,
    heldout: np.ndarray,
    pictures: np.ndarray,
    *,
    highest: int,
    seed: int,
    candidates: int,
    draws: int,
    word_seed: int,
    see: See | None = None,
) -> tuple[Watch, list[int]]:
    """Denoise pictures with every member, and return what members do, and the noise levels.

    Noise depends on a picture's pixels and `seed`, not on the other pictures. Members with classes are
    conditioned on the class of the training image most alike to the picture; members with prompts get none, and
    no negative one.

    Args:
        engine: from `ensemble.engine.prepare` without noise.
        code: arrays of code.npz.
        training: N training images.
        heldout: (M, H, W, C) uint8, for decoys.
        pictures: (B, H, W, C) uint8.
        highest: highest noise level.
        seed: of the noise.
        candidates: K, units decoded jointly for each picture.
        draws: number of draws of decoys.
        word_seed: of the words of decoys.
        see: maps images to the points whose likeness counts; None for pixels.
    """
    signed = to_signed(pictures)
    space = engine["space"]
    watch = Watch(
        code,
        training.images,
        heldout,
        see=lambda images: as_seen(images, space=space),
        likeness=lambda images, unit_of: nearest_units(signed, images, unit_of, see),
        candidates=candidates,
        draws=draws,
        seed=word_seed,
        single=True,
    )
    nearest = nearest_units(signed, training.images, np.arange(len(training)))[:, 0]
    prompted = getattr(engine["members"][0], "prompted", False)
    levels = spread_levels(highest)
    steps = given_estimates(
        engine["members"],
        as_seen(pictures, space=space),
        [int(digest[:16], 16) for digest in pixel_digests(pictures)],
        levels=levels,
        seed=seed,
        classes=np.full(len(pictures), -1) if prompted else training.labels[nearest],
        device=engine["device"],
        sampler=engine["sampler"],
        space=space,
        batch=engine["batch"],
    )
    for _, estimate in engine["track"](steps, len(levels)):
        watch.add(estimate, decode=True)
    return watch, levels


def attribute_files(
    files: Sequence[Path],
    *,
    folder: Path,
    config: Mapping[str, Any],
    code: Mapping[str, np.ndarray],
    training: ImageSet,
    members: list[Path],
    autoencoder: Path | None,
    prompting: Mapping[str, Any],
    device: str,
) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Attribute pictures by the members of a finished run; the result is `Run.attribute_pictures`'.

    Args:
        files: pictures.
        folder: of the run.
        config: of the run.
        code: arrays of code.npz.
        training: training images of the run.
        members: folders of the members.
        autoencoder: folder of the autoencoder whose latents members see; None for pixels.
        prompting: as of `Run.prompting`.
        device: as in `ensemble.engine.prepare`.
    """
    from encoded_ensembles.codes.assignment import free_words
    from encoded_ensembles.codes.families import family_of
    from encoded_ensembles.data.sources.given_files import read_files
    from encoded_ensembles.ensemble.engine import prepare
    from encoded_ensembles.features.perceptual import STLPIPS, embedding
    from encoded_ensembles.influence.queries import query_tables

    sampling, contrast = config["sampling"], config["contrast"]
    shape, border = training.images.shape[1:], config["dataset"]["border"]
    pictures = read_files(files, shape=shape, border=border)
    files_of = [member / name for member in members for name in layout.own_files(config)]
    if missing := [file for file in files_of if not file.is_file()]:
        raise InputError(
            f"{missing[0]} is missing, expected the files of all {len(members)} members; pictures "
            "cannot be attributed without them."
        )
    engine = prepare(
        members, None, label="pictures", scheduler=sampling["scheduler"], autoencoder=autoencoder,
        precision=sampling["precision"], batch=sampling["batch"], device=device, **prompting,
    )  # fmt: skip
    see = None
    if contrast.get("likeness") == STLPIPS:
        see = embedding(folder / layout.PERCEPTUAL, device=engine["device"])
    engine["track"] = lambda steps, total: steps  # seconds; no bar in a notebook
    watch, _ = watch_pictures(
        engine, code, training, training.images[:0], pictures,
        highest=contrast["levels"], seed=config["queries"]["seed"],
        candidates=contrast["candidates"], draws=0, word_seed=0, see=see,
    )  # fmt: skip
    words = free_words(code["code"], family=family_of(code), limit=contrast["null_words"])
    reference = heldout_effects(folder)
    pairs, said = query_tables(
        watch.real.observed(), code, words,
        level=contrast["attributed"], reference=reference,
        learnt=contrast["weights"] == "learnt",
    )  # fmt: skip
    names = list(map(str, files))
    said["picture"], said["heldout"] = names, len(reference)
    pairs["picture"] = np.array(names)[pairs["sample"]]
    pairs = pairs.rename(
        columns={
            "joint": "value",
            "joint_z": "z",
            "joint_p": "p",
            "joint_q": "q",
            "joint_rank": "rank",
        }
    )
    columns = ["picture", "unit", "unit_name", "value", "z", "p", "q", "rank", "attributed", "effect", "heldout_share", "close"]  # fmt: skip
    pairs = pairs.sort_values(["sample", "rank"], ignore_index=True)[columns]
    return pairs, said.drop(columns="sample")


def heldout_effects(folder: Path) -> np.ndarray:
    """Return the largest effect on each held-out picture of a run, (H,)."""
    pairs = read_table(folder / layout.QUERIES, columns=["sample", "effect"])
    kinds = read_table(folder / layout.QUERY_ANSWERS, columns=["sample", "kind"])
    heldout = kinds.loc[kinds["kind"] == "heldout", "sample"]
    largest = pairs[pairs["sample"].isin(heldout)].groupby("sample")["effect"].max()
    return largest.to_numpy()
