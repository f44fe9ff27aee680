"""Bytes of the arrays that a job has in memory at once, by rule: the terms of `peaks`."""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

from encoded_ensembles.data.catalogue import OWN
from encoded_ensembles.data.likeness import HELD as VALUES
from encoded_ensembles.ensemble.given_pictures import DRAWS
from encoded_ensembles.ensemble.sampling import SMALLEST_BATCH, at_once, batch_of
from encoded_ensembles.features.perceptual import STLPIPS
from encoded_ensembles.grading.patches import LARGEST, LEVELS, PAIRS, patch_count, patch_settings
from encoded_ensembles.influence.calibration import SET_WORDS, SHARED_WORDS, WORDS
from encoded_ensembles.influence.observer import SIZES
from encoded_ensembles.members.network_size import NetworkSize
from encoded_ensembles.runs import layout
from encoded_ensembles.runs.array_terms import (
    CODED,
    COMPARED,
    COMPARED_VALUES,
    DOUBLE,
    HELD,
    LATE_TORCH,
    MB,
    NAME,
    TEXT,
    count_decoys,
    embedded,
    encoders,
    evidence,
    features,
    free_words,
    held_weight,
    most_at_once,
    nearest,
    perceived,
    pulled,
    read,
    table,
    words,
)
from encoded_ensembles.runs.frozen_size import FLOAT
from encoded_ensembles.runs.size import Size, count_heldout, count_queries


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
    # Of SD3 and FLUX, which are in bfloat16, these are two copies.
    frozen["fetch_pipeline"] = FLOAT * max(size.frozen.values(), default=0)
    taken = [size.weights, *(size.frozen.values() if layout.whole(config) else ())]
    frozen["take_member"] = 3 * FLOAT * max(taken)
    return frozen | {
        # First an archive's bytes, parts and all images; then all images, those taken, and the largest part with a border.
        "fetch_dataset": TEXT.get(dataset["name"], 0) + whole * 8 * NAME + compared
        + max(3 * whole * pixels, whole * pixels + (kept + size.images) * values),
        "encode_units": read(config, size) + 16 * pairs + words(config) + compared
        + size.images * 10 * NAME,
        "check_names": 3 * DOUBLE * scored + 2 * NAME * size.images,
        **dict.fromkeys(
            ("split_members", "split_controls", "split_heldout"),
            read(config, size) + size.images * (values + 8 * NAME),  # all images are in the full model's
        ),
        "draw_noise": read(config, size),
        # Pictures of a folder one by one, together, with a border, and beside the others.
        "choose_queries": read(config, size) + count_heldout(dataset) * values
        + 4 * count_queries(config, size.units) * values,
        "choose_controls": nearest(config, size) + read(config, size),
    }  # fmt: skip


def trained(config: Mapping[str, Any], size: Size, network: NetworkSize) -> dict[str, float]:
    """Return the bytes of rules that train a network, or compute its gradients."""
    training, rivals = config["training"], config["rivals"]
    samples, seen = config["sampling"]["samples"], math.prod(size.seen)
    values, flipped = math.prod(size.shape), 1 + (training["flip"] and "autoencoder" in size.frozen)

    def train(share: float) -> float:
        images = share * size.images
        batch = most_at_once(config, images)
        weights = held_weight(config, "training") * network.weights + 4 * FLOAT * size.weights
        # Pixels are in memory twice at a time: as read and of the split, then of the split and sorted.
        images_bytes = images * (values + FLOAT * seen * flipped)
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
    texts = 2 * size.images * embedded(config)  # of all captions, and of the split or joined
    return {
        "train_member": train(1),
        "train_adapter": train(1) + latents + texts,
        **dict.fromkeys(
            ("encode_captions", "encode_prompts"), read(config, size) + encoders(config) + texts
        ),
        "encode_pictures": read(config, size) + size.images * values + 2 * latents
        + 2 * FLOAT * size.frozen.get("autoencoder", 0) + CODED * size.shape[1] * size.shape[2],
        "train_classifier": values * config["dataset"]["spare"] + max(
            read(config, size), 64 * 3 * 96 * size.shape[1] * size.shape[2]
            + features(config, size, count_heldout(config["dataset"]))
        ),
        "project_gradients": read(config, size) + size.images * FLOAT * (seen + values)
        + FLOAT * rivals["journey"] * samples * seen + FLOAT * (gradients + network.weights + chunk * network.trained),
    }  # fmt: skip


def _engine(
    config: Mapping[str, Any], size: Size, network: NetworkSize,
    networks: int, samples: int, masks: float,
) -> float:  # fmt: skip
    """Return the bytes of sampling with a number of networks, samples and keep masks."""
    values, seen = math.prod(size.shape), math.prod(size.seen)
    together = min(masks, max(1, at_once(size.shape, limit=8192) // samples)) * samples
    activations = bool(network.held) * FLOAT * together * (14 * seen + 2 * values)
    weights = held_weight(config, "sampling") * (networks * size.weights + network.weights)
    coder = 2 * FLOAT * size.frozen.get("autoencoder", 0)
    if coder and network.held:
        coder += CODED * size.shape[1] * size.shape[2]
    noise = 2 * samples * seen * FLOAT  # of two steps
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
    scored = math.ceil(masks / frechet["blocks"])  # masks of a block
    drawn = frechet["samples"] * values  # under one of them
    block = math.ceil(size.units / config["landscape"]["blocks"])
    own = math.ceil(count / config["landscape"]["blocks"])  # samples of a block
    alone = own * values * FLOAT
    ablated = max(2 * config["landscape"]["top"], config["landscape"]["budget"] * size.units)
    controls = config["retrain"]["units"] + len(config["retrain"]["named"])
    models = config["heldout"]["models"] * config["heldout"]["repeats"]
    members = engine(n, count, 1)
    follow = members + n * 6 * count * seen * FLOAT
    shown, queries = count_queries(config, size.units), config["queries"]
    watched = partial(_watched, config, size)
    return {
        "sample_ensemble": engine(n + 1, count, 2 + n + null) + picture,
        "ablate_block": engine(n, count, block),
        "ablate_units": members + picture,
        # Noise of all steps, of a block's samples, is taken step by step and stacked.
        "screen_block": engine(n, count, n) + 2 * picture
        + alone * (3 * (1 + n + null) + 3 * ablated) + 2 * (sampling["steps"] + 1) * own * seen * FLOAT
        + 4 * DOUBLE * (1 + n + null + ablated) * (values + size.units),
        "follow_members": follow + watched(count, config["contrast"]["decoys"]),
        "follow_queries": engine(n, DRAWS * shown, 1) + shown * seen * n * (DOUBLE + FLOAT)
        + watched(shown, queries["decoys"], single=True),
        "measure_levels": follow + watched(count, 0),
        # Of one mask: in float32, and twice more while they become bytes or, on a processor, are decoded.
        "sample_frechet": engine(n + 1, frechet["samples"], scored)
        + drawn * (scored + (1 if network.held else 3) * FLOAT),
        "sample_controls": engine(n + code["weight"], count, 1) + 3 * controls * picture,
        "measure_heldout": engine(models, count, models) + 3 * models * picture,
    }  # fmt: skip


def _watched(
    config: Mapping[str, Any], size: Size, samples: int, draws: int, *, single: bool = False
) -> float:
    """Return the bytes of observers: images, what they gather of each level, and one joint model."""
    pulls = samples * size.units * config["code"]["members"]
    near = min(config["contrast"]["candidates"], size.units)
    model = 4 * DOUBLE * near * near * config["code"]["members"]
    kept = evidence(config, size, samples, draws) + FLOAT * pulls * single
    # Pulls of a level while they are measured, and with their squares; all pulls are divided to be written.
    gathered = kept + max(pulled(size) + FLOAT * pulls, 2 * DOUBLE * pulls, kept)
    seen = FLOAT * math.prod(size.seen) * (size.images + 2 * count_decoys(config, size))
    images = read(config, size) + size.images * math.prod(size.shape)
    if config["contrast"]["likeness"] == STLPIPS:
        images += perceived(size, samples) + 2 * FLOAT * VALUES
    return images + seen + max(nearest(config, size), gathered + model)


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
        rows = samples * (size.units + bool(draws) * count_decoys(config, size))
        gathered = evidence(config, size, samples, draws)
        return gathered + max(
            gathered,  # while it is read
            words(config), together, nulls + 30 * DOUBLE * rows, table(samples * size.units, 21)
        )  # fmt: skip

    # Of one sample: its pictures under all masks, beside each other and in double precision.
    masked = (2 * FLOAT + 2 * DOUBLE) * values
    masks = sum(1 if k == n else frechet["repeats"] for k in frechet["kept"]) + 1
    # A block of samples; the set that is scored, and the next one; and those scored as real.
    drawn = (math.ceil(masks / frechet["blocks"]) + 3) * frechet["samples"] * values
    # Distances of all masks from some units' images, and the merged table.
    influence = 2.5 * DOUBLE * min(HELD, pairs * (null + held)) + read(config, size)
    influence += table(pairs, 5 * statistics + 8) + 2 * DOUBLE * pairs * statistics + 100 * MB
    return {
        "measure_influence": influence + (held + 12) * picture + (null + held) * masked
        + features(config, size, count) + (STLPIPS in config["influence"]["distances"]) * perceived(size, 0),
        "measure_screened": table(pairs, 20) + 8 * picture + null * masked
        + 3 * DOUBLE * (pairs + null * null),
        # Training images that are compared at once, and their squares; a block while the next is read; some of its
        # pictures as measured, of double precision; their distances.
        "check_attribution": read(config, size) + size.images * values
        + 2 * DOUBLE * min(VALUES, size.images * values) + block * picture
        + 2 * (FLOAT + DOUBLE) * min(VALUES, block // 2 * count * values)
        + 2 * DOUBLE * min(VALUES, block // 2 * count * size.images)
        + features(config, size, size.images)
        + bool(config["rivals"]["perceptual"]) * (perceived(size, size.images + count) + DOUBLE * VALUES),
        "measure_contrast": tested(count, config["contrast"]["decoys"]),
        "measure_queries": tested(count_queries(config, size.units), config["queries"]["decoys"])
        + read(config, size),
        "measure_members": pairs * n * 4 * FLOAT + max(words(config), 3 * sets, nearest(config, size)),
        "score_frechet": 100 * MB + count_heldout(config["dataset"]) * values
        + features(config, size, max(frechet["samples"], count_heldout(config["dataset"])))
        + max(read(config, size) + config["dataset"]["spare"] * values, drawn),
        "find_planted": read(config, size) + 3 * FLOAT * size.images * values,
    }  # fmt: skip


def patched(size: Size) -> float:
    """Return the bytes of comparing patches of one sample with those of all images."""
    height, width = (min(side, LARGEST) for side in size.shape[1:])
    pairs = max(PAIRS, height * width * patch_count(size.shape))  # at least one image at once
    small = 2 * size.images * size.shape[0] * height * width  # copies at this size
    return (
        6 * FLOAT * pairs
        + 3 * DOUBLE * len(LEVELS) * size.images * patch_count(size.shape)
        + (small if (height, width) != size.shape[1:] else 0)
    )


def graded(config: Mapping[str, Any], size: Size) -> dict[str, float]:
    """Return the bytes of rules that score and grade attribution methods."""
    rivals, n = config["rivals"], config["code"]["members"]
    count, null = config["sampling"]["samples"], config["code"]["null_words"]
    values, pairs = math.prod(size.shape), size.units * count
    picture = count * values * FLOAT
    dampings, gradients = len(rivals["damping"]), rivals["gradients"]
    kernels = 2 + bool(rivals["journey"])  # methods with dampings
    methods = (
        4
        + bool(rivals["perceptual"])
        + len(rivals["degraded"])
        + (1 + 3 * (kernels + 1) * (1 + (size.images > size.units)) if gradients else 0)
        + len(config["grade"]["scores"])
    )
    scored = (kernels * dampings + 1) * (n + 2) * DOUBLE * pairs + 40 * size.images * rivals[
        "projection"
    ]
    settings = len(patch_settings(min(size.shape[1:])))
    statistics = 6 + len(config["influence"]["distances"])
    models = config["heldout"]["models"] * config["heldout"]["repeats"]
    facts = 14 + (9 if gradients else 0)
    depth, draws = min(size.units, 1024), config["grade"]["bootstrap"]
    free = free_words(config, size, 20_000)
    tested = max(3000 * 1.1 * DOUBLE * free, count * 30 * DOUBLE * (1.3 * free + 400))
    pulls = pairs * n * (FLOAT + 3 * DOUBLE + 3)
    return {
        "score_rivals": read(config, size) + features(config, size, size.images) + max(  # one after another
            patched(size), nearest(config, size)
            + bool(rivals["perceptual"]) * (perceived(size, count) + 2 * FLOAT * VALUES),
        ) + (methods + settings) * 12 * pairs + (scored if gradients else 0),
        "expect_influence": read(config, size) + 100 * MB
        + pairs * (DOUBLE * (facts + methods + 15 + 8 + (29 if gradients else 0)) + FLOAT * n),
        "grade_methods": (methods + 15) * pairs * FLOAT + 16 * pairs + pulls / 2 + words(config)
        + (methods + 8) * depth * (count * DOUBLE + 40) + 5 * DOUBLE * draws * depth
        + 10 * DOUBLE * count * depth / 2,
        # With held-out models, scores of all settings in double precision as well.
        "score_methods": pairs * ((methods + 15) * FLOAT + statistics * 3 * DOUBLE)
        + pairs * (3 * kernels * dampings * gradients + settings) * FLOAT * (3 if models else 1)
        + pairs * statistics * 2 * DOUBLE * bool(config["dataset"]["plant"])
        + (3 * models + 4) * count * values * FLOAT
        + features(config, size, count) + LATE_TORCH * bool(models),
        "check_null": pairs * n * FLOAT + picture + null * (FLOAT + 2 * DOUBLE) * values
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
    queries = count_queries(config, size.units)
    sets = 2 + sum(config["frechet"]["repeats"] for _ in config["frechet"]["kept"])
    return {
        "plot_code": 30 * min(size.units, 4096) * n,
        "plot_samples": sets * 12 * values * (1 + FLOAT),  # 12 images of each set of the Frechet distances
        "plot_influence": influence + read(config, size),
        "plot_landscape": influence,
        "plot_attribution": pairs * (9 * 2 * DOUBLE + 2 * NAME) + read(config, size),
        # Of given pictures two columns: sample and effect.
        "plot_evidence": pairs * (9 * 2 * DOUBLE + 2 * NAME) + queries * size.units * 2 * 2 * DOUBLE,
        # Of given pictures the six columns that the page shows, as read and as a table.
        "make_gallery": shown + pairs * n * FLOAT + words(config) + read(config, size) + 80 * MB
        + 6 * 2 * DOUBLE * queries * size.units + queries * values,
    }  # fmt: skip
