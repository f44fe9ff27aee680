"""Bytes of the arrays that a job has in memory at once, by rule: the terms of `peaks`."""

import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from encoded_ensembles.codes.families import SHARED
from encoded_ensembles.data.catalogue import OWN
from encoded_ensembles.data.likeness import HELD as VALUES
from encoded_ensembles.ensemble.sampling import SMALLEST_BATCH, at_once, batch_of
from encoded_ensembles.features.classifier import batch_of as classifier_batch
from encoded_ensembles.features.extractors import INCEPTION
from encoded_ensembles.influence.calibration import SET_WORDS, SHARED_WORDS, WORDS
from encoded_ensembles.influence.observer import DECOYS, SIZES
from encoded_ensembles.members.network_size import NetworkSize
from encoded_ensembles.runs.size import Size, count_heldout, count_queries

MB = 1_000_000
FLOAT, DOUBLE = 4, 8  # bytes
LISTED = 1 << 24  # largest number of words of a family that are listed (`assignment.ENUMERATED`)
HELD = 10_000_000  # null contrasts, or distances, in memory at once (`calibration`, `directional`)
# Units, and values of their counterfactuals, that are compared at once (`commands.measure_influence`).
COMPARED, COMPARED_VALUES = 512, 2**27
CODED = 8000  # bytes per pixel of an image that an autoencoder decodes, one picture at a time
INCEPTION_BYTES = 1_500 * MB
LATE_TORCH = 600 * MB  # PyTorch, where a rule imports it only for some configurations
TEXT = {"mnist5k": 100 * MB}  # sets that are read from text
ENCODERS = 2_500 * MB  # text encoders in float32, up to those of SDXL; T5 takes up to 20 GB more
EMBEDDED = 1_000_000  # bytes of the embeddings of a caption
NAME = 150  # bytes of a unit's or image's name in an array, and as a Python object


def read(config: Mapping[str, Any], size: Size) -> float:
    """Return the bytes of reading the training images: pixels, names and digests."""
    return size.images * (math.prod(size.shape) + 4 * NAME)


def nearest(config: Mapping[str, Any], size: Size) -> float:
    """Return the bytes of finding the units nearest to samples, by pixels, without the images themselves."""
    block = 4 * DOUBLE * min(VALUES, size.images * math.prod(size.shape))
    return block + 3 * DOUBLE * size.images * config["sampling"]["samples"]


def pulled(size: Size) -> float:
    """Return the bytes of images in the space of the estimates, and of the pulls towards some of them."""
    values, seen = math.prod(size.shape), math.prod(size.seen)
    seen_images = size.images * seen * FLOAT * (2 if seen == values else 1)
    return seen_images + 3 * DOUBLE * min(VALUES, size.images * seen)


def table(rows: float, columns: int) -> float:
    """Return the bytes of making a table with a column of names and writing it."""
    return rows * (3 * DOUBLE * columns + 3 * NAME)


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


def fetched(config: Mapping[str, Any], size: Size) -> dict[str, float]:
    """Return the bytes of rules that prepare data, units, splits, noise and frozen networks."""
    dataset, values = config["dataset"], math.prod(size.shape)
    kept = size.images + count_heldout(dataset) + dataset["spare"]
    source = OWN[dataset["name"]]
    whole = max(kept, (source.images or 0) + source.test)
    # Only chosen pictures of celeba and metfaces are read.
    pixels = source.channels * source.side**2 if source.side else 0 if source.images else values
    pairs = min(size.units, 4096) ** 2
    scored = size.units * config["sampling"]["samples"] * bool(config["grade"]["scores"])
    compared = 3 * DOUBLE * size.images * values if config["units"]["metric"] == "pixels" else 0
    frozen = {f"fetch_{part}": 3 * FLOAT * count for part, count in size.frozen.items()}
    frozen["fetch_pipeline"] = 3 * FLOAT * max(size.frozen.values(), default=0)
    return frozen | {
        "fetch_dataset": TEXT.get(dataset["name"], 0) + whole * (4 * pixels + 8 * NAME) + (kept + size.images) * values + compared,
        "encode_units": read(config, size) + 50 * pairs + words(config) + compared
        + size.images * 10 * NAME,
        "check_names": 3 * DOUBLE * scored + 2 * NAME * size.images,
        **dict.fromkeys(
            ("split_member", "split_control", "split_heldout"),
            read(config, size) + size.images * (values + 8 * NAME),  # all images are in the full model's
        ),
        "draw_noise": read(config, size),
        "choose_queries": read(config, size) + count_heldout(dataset) * values,
        "choose_controls": nearest(config, size) + read(config, size),
    }  # fmt: skip


def trained(config: Mapping[str, Any], size: Size, network: NetworkSize) -> dict[str, float]:
    """Return the bytes of rules that train a network, or compute its gradients."""
    training, rivals = config["training"], config["rivals"]
    samples, seen = config["sampling"]["samples"], math.prod(size.seen)
    values, flipped = math.prod(size.shape), 1 + (training["flip"] and "autoencoder" in size.frozen)

    def train(share: float) -> float:
        images = share * size.images
        mean = images / training["steps_per_epoch"]
        batch = min(images, mean + 4 * math.sqrt(mean))
        weights = FLOAT * (network.weights + 4 * size.weights)
        # Pixels are in memory twice at a time: as read and of the split, then of the split and sorted.
        scaled = 2 if seen == values else flipped
        images_bytes = images * (values + FLOAT * seen * scaled)
        return read(config, size) + weights + images_bytes + batch * FLOAT * network.trained

    chunk = 16  # images whose gradients are computed at once
    gradients = (
        bool(network.trained)
        * size.weights
        * (
            rivals["levels"] * samples
            + 2 * samples
            + max(2 * chunk, (1 << 27) / size.weights)
            + 6 * chunk
        )
    )
    latents = size.images * FLOAT * seen * flipped
    prompts = ENCODERS + size.images * EMBEDDED
    return {
        "train_member": train(1),
        "train_adapter": train(1) + latents + prompts - ENCODERS,
        "encode_captions": read(config, size) + prompts,
        "encode_prompts": read(config, size) + prompts,
        "encode_pictures": read(config, size) + size.images * values + 2 * latents
        + 2 * FLOAT * size.frozen.get("autoencoder", 0) + CODED * size.shape[1] * size.shape[2],
        "train_classifier": values * config["dataset"]["spare"] + max(
            read(config, size), 64 * 3 * 96 * size.shape[1] * size.shape[2]
            + features(config, size, count_heldout(config["dataset"]))
        ),
        "project_gradients": read(config, size) + size.images * FLOAT * (seen + values)
        + FLOAT * (gradients + network.weights + chunk * network.trained),
    }  # fmt: skip


def _engine(
    config: Mapping[str, Any], size: Size, network: NetworkSize,
    networks: int, samples: int, masks: float,
) -> float:  # fmt: skip
    """Return the bytes of sampling with a number of networks, samples and keep masks."""
    values, seen = math.prod(size.shape), math.prod(size.seen)
    together = min(masks, max(1, at_once(size.shape, limit=8192) // samples)) * samples
    activations = bool(network.held) * FLOAT * together * (8 * seen + 2 * values)
    weights = FLOAT * (networks * size.weights + network.weights)
    coder = 2 * FLOAT * size.frozen.get("autoencoder", 0)
    if coder and network.held:
        coder += CODED * size.shape[1] * size.shape[2]
    noise = (config["sampling"]["steps"] + 1) * samples * seen * FLOAT
    batch = config["sampling"]["batch"] or batch_of(size.seen, kind="cpu")
    rows = min(batch, max(SMALLEST_BATCH, masks * samples))
    return activations + weights + coder + noise + 1.2 * FLOAT * rows * network.held


def sampled(config: Mapping[str, Any], size: Size, network: NetworkSize) -> dict[str, float]:
    """Return the bytes of rules that sample."""
    code, frechet, sampling = config["code"], config["frechet"], config["sampling"]
    n, null, count = code["members"], code["null_words"], sampling["samples"]
    values, seen = math.prod(size.shape), math.prod(size.seen)
    engine = partial(_engine, config, size, network)
    picture = count * values * FLOAT  # all samples once
    masks = sum(1 if k == n else frechet["repeats"] for k in frechet["kept"]) + 1
    drawn = math.ceil(masks / frechet["blocks"]) * frechet["samples"] * values
    block = math.ceil(size.units / config["landscape"]["blocks"])
    alone = (
        math.ceil(count / config["landscape"]["blocks"]) * values * FLOAT
    )  # of a block's samples
    ablated = max(2 * config["landscape"]["top"], config["landscape"]["budget"] * size.units)
    controls = config["retrain"]["units"] + len(config["retrain"]["named"])
    models = config["heldout"]["models"] * config["heldout"]["repeats"]
    members = engine(n, count, 1)
    pulls = count * size.units * n
    follow = pulled(size) + read(config, size) + n * 6 * count * seen * FLOAT + 24 * pulls
    shown, queries = count_queries(config, size.units), config["queries"]
    watched = partial(_watched, config, size)
    return {
        "sample_ensemble": engine(n + 1, count, 2 + n + null) + (2 + n + null) * picture,
        "ablate_block": engine(n, count, block),
        "ablate_units": members + picture,
        "screen_block": engine(n, count, n) + null * picture
        + alone * (2 * (1 + n + null) + 3 * ablated)
        + 4 * DOUBLE * (1 + n + null + ablated) * (values + size.units),
        "follow_members": members + follow + size.images * values
        + max(nearest(config, size), watched(count, config["contrast"]["decoys"])),
        "follow_queries": engine(n, shown, 1) + n * shown * seen * (DOUBLE + FLOAT)
        + pulled(size) + read(config, size) + size.images * values + 32 * shown * size.units * n
        + max(nearest(config, size), watched(shown, queries["decoys"])),
        "measure_levels": members + follow + nearest(config, size),
        "sample_frechet": engine(n + 1, frechet["samples"], masks) + drawn * (FLOAT + 2),
        "sample_controls": engine(n + code["weight"], count, 1) + 3 * controls * picture,
        "measure_heldout": engine(models, count, models) + 3 * models * picture,
    }  # fmt: skip


def _decoys(config: Mapping[str, Any], size: Size) -> int:
    """Return the largest number of decoys in a draw."""
    free = free_words(config, size, DECOYS * 2) // 2
    return min(size.units, count_heldout(config["dataset"]), DECOYS, free)


def _evidence(config: Mapping[str, Any], size: Size, samples: int, draws: int) -> float:
    """Return the bytes of what is gathered of real units, and of real and decoy units by draw."""
    n, decoys = config["code"]["members"], _decoys(config, size)
    near = min(config["contrast"]["candidates"], size.units)
    rows = samples * (near * (1 + draws) + sum(SIZES))
    pulls = samples * n * (size.units + draws * (size.units + decoys)) * FLOAT
    return rows * n * (n + 1) * DOUBLE + pulls


def _watched(config: Mapping[str, Any], size: Size, samples: int, draws: int) -> float:
    """Return the bytes of observers: what they gather, images of decoys, and one joint model."""
    near = min(config["contrast"]["candidates"], size.units)
    model = 4 * DOUBLE * near * near * config["code"]["members"]
    gathered = 1.5 * _evidence(config, size, samples, draws)  # written as float32
    return gathered + 2 * FLOAT * _decoys(config, size) * math.prod(size.seen) + model


def measured(config: Mapping[str, Any], size: Size) -> dict[str, float]:
    """Return the bytes of rules that measure influence and contrast."""
    code, landscape, frechet = config["code"], config["landscape"], config["frechet"]
    n, null, count = code["members"], code["null_words"], config["sampling"]["samples"]
    values, pairs = math.prod(size.shape), size.units * config["sampling"]["samples"]
    picture = count * values * FLOAT
    held = min(size.units, COMPARED, max(2, COMPARED_VALUES // (count * values)))
    block = 2 * math.ceil(size.units / landscape["blocks"])
    statistics = 4 + len(config["influence"]["distances"])
    free = free_words(config, size, config["contrast"]["null_words"])
    # Null values of some pairs, and their deviations from the mean; products of words.
    nulls = 2.1 * DOUBLE * min(pairs * free, HELD) + DOUBLE * n * n * min(free, WORDS)
    nulls += 3 * DOUBLE * count * min(free, SHARED_WORDS)
    # Scores of the sets' units under each word, and of the drawn ones.
    together = DOUBLE * count * max(SIZES) * (3 * min(free, SET_WORDS) + 999)
    sets = count * 30 * DOUBLE * (2 * min(free, 10_000) + 999)

    def tested(samples: int, draws: int) -> float:
        rows = samples * (size.units + bool(draws) * _decoys(config, size))
        return 2 * _evidence(config, size, samples, draws) + max(
            words(config), together, nulls + 30 * DOUBLE * rows, table(samples * size.units, 21)
        )

    compared = null + held + block + 6
    masks = sum(1 if k == n else frechet["repeats"] for k in frechet["kept"]) + 1
    # A block of samples is read while the last one is in memory; and those scored as real.
    drawn = (2 * math.ceil(masks / frechet["blocks"]) + 1) * frechet["samples"] * values
    # Distances of all masks from some units' images; merged tables are in memory twice.
    influence = 2.5 * DOUBLE * min(HELD, pairs * (null + held)) + read(config, size)
    influence += 2 * table(pairs, 5 * statistics + 8) + 2 * DOUBLE * pairs * statistics + 200 * MB
    ablated = max(2 * landscape["top"], landscape["budget"] * size.units) * count * values * FLOAT
    return {
        "measure_influence": influence + compared * picture + 2 * (null + held) * values * DOUBLE
        + features(config, size, count),
        "measure_screened": table(pairs, 20) + 8 * null * picture
        + 4 * ablated / landscape["blocks"] + 3 * DOUBLE * pairs,
        "check_attribution": read(config, size) + size.images * values
        + 2 * DOUBLE * min(VALUES, size.images * values) + 3 * block * picture + DOUBLE * block * count * size.images
        + features(config, size, size.images),
        "measure_contrast": tested(count, config["contrast"]["decoys"]),
        "measure_queries": tested(count_queries(config, size.units), config["queries"]["decoys"])
        + read(config, size),
        "measure_members": pairs * n * 4 * FLOAT + max(words(config), 3 * sets, nearest(config, size)),
        "score_frechet": 100 * MB + count_heldout(config["dataset"]) * values
        + features(config, size, max(frechet["samples"], count_heldout(config["dataset"])))
        + max(read(config, size) + config["dataset"]["spare"] * values, drawn),
        "find_planted": read(config, size) + 3 * FLOAT * size.images * values,
    }  # fmt: skip


def graded(config: Mapping[str, Any], size: Size) -> dict[str, float]:
    """Return the bytes of rules that score and grade attribution methods."""
    rivals, n = config["rivals"], config["code"]["members"]
    count, null = config["sampling"]["samples"], config["code"]["null_words"]
    values, pairs = math.prod(size.shape), size.units * count
    dampings, gradients = len(rivals["damping"]), rivals["gradients"]
    methods = 3 + len(rivals["degraded"]) + (9 if gradients else 0) + len(config["grade"]["scores"])
    scored = (2 * dampings + 1) * (n + 2) * DOUBLE * pairs + 40 * size.images * rivals["projection"]
    facts = 14 + (9 if gradients else 0)
    depth, draws = min(size.units, 1024), config["grade"]["bootstrap"]
    free = free_words(config, size, 20_000)
    tested = max(3000 * 1.1 * DOUBLE * free, count * 30 * DOUBLE * (1.3 * free + 400))
    pulled = pairs * n * (FLOAT + 3 * DOUBLE + 3)
    return {
        "score_rivals": read(config, size) + nearest(config, size)
        + features(config, size, size.images) + methods * 12 * pairs + (scored if gradients else 0),
        "expect_influence": read(config, size) + pairs * (20 * facts + 12 * (methods + 15) + 216) + pulled
        + table(pairs, 8) + 100 * MB,
        "grade_methods": (methods + 15) * pairs * FLOAT + 16 * pairs + pulled / 2 + words(config)
        + (methods + 8) * depth * (count * DOUBLE + 40) + 5 * DOUBLE * draws * depth
        + 10 * DOUBLE * max(2_000_000, count * depth / 2),
        "score_methods": pairs * ((methods + 15) * 12 + 10 * DOUBLE) + table(pairs, 40)
        + (3 * config["heldout"]["models"] * config["heldout"]["repeats"] + 4) * count * values * FLOAT
        + features(config, size, count) + LATE_TORCH * bool(config["heldout"]["models"]),
        "check_null": pairs * n * FLOAT + null * (count * FLOAT + 2 * DOUBLE) * values
        + read(config, size) + max(words(config), tested, nearest(config, size)),
        "measure_retraining": table(pairs, 4),
    }  # fmt: skip


def shown(config: Mapping[str, Any], size: Size) -> dict[str, float]:
    """Return the bytes of rules that draw figures or pages."""
    count, values = config["sampling"]["samples"], math.prod(size.shape)
    pairs, n = size.units * count, config["code"]["members"]
    columns = 5 * (4 + len(config["influence"]["distances"])) + 8
    influence = pairs * (columns * 2 * DOUBLE + 2 * NAME)
    shown = min(count, config["gallery"]["samples"]) / count * influence
    sets = 2 + sum(config["frechet"]["repeats"] for _ in config["frechet"]["kept"])
    return {
        "plot_code": 30 * min(size.units, 4096) * n,
        "plot_samples": sets * 12 * values * (1 + FLOAT),  # 12 images of each set of the Frechet distances
        "plot_influence": influence + read(config, size),
        "plot_landscape": influence,
        "plot_attribution": pairs * (9 * 2 * DOUBLE + 2 * NAME) + read(config, size),
        "plot_evidence": pairs * (9 * 2 * DOUBLE + 2 * NAME),
        "make_gallery": 3 * shown + pairs * n * FLOAT + words(config) + read(config, size) + 80 * MB,
    }  # fmt: skip
