"""Bytes of arrays that several rules hold: the terms of `arrays_held`."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from encoded_ensembles.codes.families import SHARED
from encoded_ensembles.data.likeness import HELD as VALUES
from encoded_ensembles.features.classifier import batch_of as classifier_batch
from encoded_ensembles.features.extractors import INCEPTION
from encoded_ensembles.features.perceptual import PARTS
from encoded_ensembles.influence.observer import DECOYS, SIZES
from encoded_ensembles.members.published import PUBLISHED, TYPICAL
from encoded_ensembles.runs.frozen_size import FLOAT, count_frozen, frozen_config
from encoded_ensembles.runs.layout import prompted
from encoded_ensembles.runs.size import Size, count_heldout

MB = 1_000_000
DOUBLE = 8  # bytes
LISTED = 1 << 24  # largest number of words of a family that are listed (`assignment.ENUMERATED`)
HELD = 10_000_000  # null contrasts, or distances, in memory at once (`calibration`, `directional`)
# Units, and values of their counterfactuals, that are compared at once (`commands.measure_influence`).
COMPARED, COMPARED_VALUES = 512, 2**27
CODED = 8000  # bytes per pixel of an image that an autoencoder decodes, one picture at a time
INCEPTION_BYTES = 1_500 * MB
LATE_TORCH = 600 * MB  # PyTorch, where a rule imports it only for some configurations
# Sets that are read from text, and one whose package is large.
TEXT = {"mnist5k": 240 * MB, "digits": 150 * MB}
TOKENS = 77, 512  # of CLIP, and at most of T5
NAME = 150  # bytes of a unit's or image's name in an array, and as a Python object


def read(config: Mapping[str, Any], size: Size) -> float:
    """Return the bytes of reading the training images: pixels, names and digests."""
    return size.images * (math.prod(size.shape) + 4 * NAME)


def largest_batch(training: Mapping[str, Any], images: float) -> float:
    """Return the largest batch of a model that trains on so many images.

    Steps are drawn for each image, so a batch is Poisson distributed: four standard deviations above its mean.
    """
    mean = images / training["steps_per_epoch"]
    return min(images, mean + 4 * math.sqrt(mean))


def most_at_once(config: Mapping[str, Any], images: float) -> float:
    """Return the most images at once in a training step; only batches of text-to-image runs can be split."""
    training = config["training"]
    most = (training["accumulation"] if prompted(config) else None) or math.inf
    return float(min(largest_batch(training, images), most))


def held_weight(config: Mapping[str, Any], key: str) -> int:
    """Return the bytes of a weight of a denoiser in `training` or `sampling`."""
    return 2 if prompted(config) and config[key]["precision"] != "float32" else FLOAT


def encoders(config: Mapping[str, Any]) -> float:
    """Return the bytes of a pipeline's text encoders in float32; 0 without a pipeline."""
    folder = Path("results", config["run"])
    return FLOAT * count_frozen(config, "encoders", folder) if prompted(config) else 0


def embedded(config: Mapping[str, Any]) -> float:
    """Return the bytes of the embeddings of a caption in float32; 0 without a pipeline."""
    if not prompted(config):
        return 0
    base = frozen_config(config["model"], "base", Path("results", config["run"]))
    base = base or dict(PUBLISHED[TYPICAL].base)
    if wide := base.get("joint_attention_dim"):
        return float(FLOAT * sum(TOKENS) * wide)
    return float(FLOAT * TOKENS[0] * base["cross_attention_dim"])


def nearest(config: Mapping[str, Any], size: Size) -> float:
    """Return the bytes of finding the units nearest to samples, by pixels, without the images themselves."""
    block = 3 * DOUBLE * min(VALUES, size.images * math.prod(size.shape))
    return block + 3 * DOUBLE * size.images * config["sampling"]["samples"]


def perceived(size: Size, images: float) -> float:
    """Return the bytes of so many images as shift-tolerant LPIPS sees them, and of its network at work."""
    side = max(64, *size.shape[1:])
    return 100 * MB + 40 * side * side * FLOAT * images + 2 * PARTS * 64 * side * side * FLOAT


def pulled(size: Size) -> float:
    """Return the bytes of comparing estimates with some images at once."""
    return 3 * DOUBLE * min(VALUES, size.images * math.prod(size.seen))


def table(rows: float, columns: int) -> float:
    """Return the bytes of making a table with a column of names and writing it."""
    return rows * (2 * DOUBLE * columns + 2 * NAME)


def words(config: Mapping[str, Any]) -> float:
    """Return the bytes of listing all words of the code's family; 0 if they are not listed."""
    code = config["code"]
    count = math.comb(code["members"], code["weight"])
    return 4 * DOUBLE * count if code["family"] not in SHARED and count <= LISTED else 0.0


def free_words(config: Mapping[str, Any], size: Size, limit: int) -> int:
    """Return the number of null code words, at most `limit`."""
    code = config["code"]
    free = math.comb(code["members"], code["weight"]) - size.units
    return 0 if code["family"] in SHARED else max(0, min(limit, free))


def features(config: Mapping[str, Any], size: Size, images: float) -> float:
    """Return the bytes of computing features of `images` images at once."""
    frechet, heldout, values = (
        config["frechet"],
        count_heldout(config["dataset"]),
        math.prod(size.shape),
    )
    side = size.shape[1] * size.shape[2]
    together = min(images, classifier_batch((1, *size.shape[1:])))
    pixels = together * values * 3 * FLOAT
    file = frechet["inception"] or f"resources/{INCEPTION}"
    if frechet["extractor"] == "inception" or (
        frechet["extractor"] == "auto" and Path(file).is_file()
    ):
        return pixels + INCEPTION_BYTES + images * values
    if frechet["extractor"] == "pixels":
        smaller = min(heldout, values)
        return pixels + DOUBLE * values * (2 * together + 3 * heldout + 3 * smaller)
    return pixels + together * 96 * side


def count_decoys(config: Mapping[str, Any], size: Size) -> int:
    """Return the largest number of decoys in a draw."""
    free = free_words(config, size, DECOYS * 2) // 2
    return min(size.units, count_heldout(config["dataset"]), DECOYS, free)


def evidence(config: Mapping[str, Any], size: Size, samples: int, draws: int) -> float:
    """Return the bytes of what is gathered of real units, and of real and decoy units by draw."""
    n, decoys = config["code"]["members"], count_decoys(config, size)
    near = min(config["contrast"]["candidates"], size.units)
    rows = samples * (near * (1 + draws) + sum(SIZES))
    pulls = samples * n * (size.units + draws * (size.units + decoys)) * FLOAT
    return rows * n * (n + 1) * DOUBLE + pulls
