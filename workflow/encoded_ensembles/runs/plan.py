"""The cost of a run: member evaluations, training steps, bytes on disk, processor seconds.

The work of each rule depends on the configuration alone. Its duration follows from a few rates that are
measured on this machine (`Rates`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from encoded_ensembles.ensemble.given_pictures import DRAWS, LEVELS
from encoded_ensembles.ensemble.sampling import SMALLEST_BATCH, batch_of
from encoded_ensembles.ensemble.screening import most_units
from encoded_ensembles.members.published import published
from encoded_ensembles.runs.array_terms import embedded
from encoded_ensembles.runs.frozen_size import FLOAT
from encoded_ensembles.runs.layout import prompted
from encoded_ensembles.runs.rates import Rates
from encoded_ensembles.runs.size import Size, count_queries

ROW = 1000  # bytes of a (sample, unit) pair in all tables, parquet and CSV (measured)

# Rules whose jobs start PyTorch.
TORCH = {
    "fetch_base", "fetch_autoencoder", "fetch_pipeline", "encode_captions", "encode_prompts", "encode_pictures", "fetch_perceptual",
    "train_member", "train_adapter", "take_member", "sample_ensemble", "ablate_block", "ablate_units", "screen_block",
    "measure_influence", "measure_levels", "check_attribution", "follow_members", "follow_queries", "project_gradients",
    "sample_frechet", "train_classifier",
    "score_frechet", "score_rivals", "sample_controls",
    "measure_heldout",
}  # fmt: skip


@dataclass(frozen=True)
class Work:
    """The work of all jobs of a rule.

    Attributes:
        calls: forward calls of a network in sampling.
        rows: images in all these calls.
        steps: training steps, as pairs (number of steps, images per step).
        bytes: bytes that stay on disk.
        encoded: images that an autoencoder encodes.
        decoded: images that it decodes.
    """

    calls: float = 0
    rows: float = 0
    steps: tuple[tuple[float, float], ...] = ()
    bytes: float = 0
    encoded: float = 0
    decoded: float = 0

    def __add__(self, other: "Work") -> "Work":
        """Return the sum of both."""
        return Work(
            self.calls + other.calls,
            self.rows + other.rows,
            self.steps + other.steps,
            self.bytes + other.bytes,
            self.encoded + other.encoded,
            self.decoded + other.decoded,
        )

    def seconds(self, rates: Rates) -> float:
        """Return the processor seconds, without the start of jobs."""
        trained = sum(count * (rates.step + images * rates.image) for count, images in self.steps)
        coded = self.encoded * rates.encode + self.decoded * rates.decode
        return self.calls * rates.call + self.rows * rates.row + trained + coded

    def flops(self, rates: Rates) -> float:
        """Return the floating point operations of networks."""
        trained = sum(count * images for count, images in self.steps)
        return (self.rows + rates.passes * trained) * rates.flops


def start(rule: str, rates: Rates) -> float:
    """Return the processor seconds to start a job of a rule, with its work if that is small."""
    if rule in TORCH:
        return rates.start
    return rates.start_figure if rule.startswith("plot_") else rates.start_light


def plan(config: Mapping[str, Any], size: Size, *, passes: int = 1) -> dict[str, Work]:
    """Return the work of each rule that takes more than starting its jobs.

    Args:
        config: configuration from `check_config`.
        size: size of the run.
        passes: of the network in each evaluation: 2 with guidance.
    """
    sampled, trained = _sampled(config, size), _trained(config, size)
    if prompted(config):
        trained["train_adapter"] = replace(trained.pop("train_member"), encoded=0)
        trained["fetch_pipeline"] = trained.pop("fetch_base") + trained.pop("fetch_autoencoder")
        trained["encode_captions"] = Work(bytes=size.images * embedded(config))
        trained["encode_pictures"] = Work(encoded=size.images * (1 + config["training"]["flip"]))
    return trained | {
        rule: replace(work, calls=passes * work.calls, rows=passes * work.rows)
        for rule, work in sampled.items()
    }


def _sampled(config: Mapping[str, Any], size: Size) -> dict[str, Work]:
    """Return the work of rules that sample, and of tables that grow with units and samples."""
    code, frechet, steps = config["code"], config["frechet"], config["sampling"]["steps"]
    n, kept, null = code["members"], code["members"] - code["weight"], code["null_words"]
    samples, screened = config["sampling"]["samples"], config["landscape"]["mode"] == "screened"
    batch = config["sampling"]["batch"] or batch_of(size.seen, kind="cpu")

    def draw(masks: int, evaluations: int, *, among: int, count: int, value: int = 1) -> Work:
        rows = count * evaluations / among  # of a member at a step
        calls, filled = math.ceil(rows / batch), max(min(batch, SMALLEST_BATCH), rows)
        stored = masks * count * size.image_bytes / value
        return Work(
            steps * among * calls, steps * among * filled, (), stored, decoded=masks * count
        )

    units, each_alone = size.units, 0  # evaluations that drop each member alone
    if screened:
        budget, least = config["landscape"]["budget"], 2 * config["landscape"]["top"]
        units = most_units(
            units=units, members=n, weight=code["weight"], budget=budget, least=least
        )
        each_alone = n * (n - 1)
    ablated = draw(units, units * kept + each_alone, among=n, count=samples)
    sizes = [k for k in frechet["kept"] for _ in range(1 if k == n else frechet["repeats"])]
    noise = (steps + 1) * (samples + frechet["samples"]) * FLOAT * math.prod(size.seen)
    pairs = samples * size.units
    return {
        "fetch_dataset": Work(bytes=size.images * size.image_bytes / FLOAT),
        "draw_noise": Work(bytes=noise),
        "sample_ensemble": draw(2 + n + null, 2 * n + null * kept + 1, among=n + 1, count=samples),
        "screen_block" if screened else "ablate_block": ablated,
        "follow_members": draw(1, n, among=n, count=samples)
        + Work(bytes=FLOAT * pairs * n, encoded=size.images),
        "follow_queries": _queried(config, size),
        "measure_influence": Work(bytes=ROW * pairs),
        "sample_frechet": draw(
            len(sizes) + 1, sum(sizes) + 1, among=n + 1, count=frechet["samples"], value=FLOAT
        ),
    }


def _queried(config: Mapping[str, Any], size: Size) -> Work:
    """Return the work of denoising given pictures."""
    n, pictures = config["code"]["members"], count_queries(config, size.units)
    batch = config["sampling"]["batch"] or batch_of(size.seen, kind="cpu")
    at_once = DRAWS * pictures
    return Work(
        LEVELS * n * math.ceil(at_once / batch),
        LEVELS * n * max(min(batch, SMALLEST_BATCH), at_once),
        bytes=FLOAT * pictures * size.units * 2 * n,
        encoded=size.images + pictures,
    )


def _trained(config: Mapping[str, Any], size: Size) -> dict[str, Work]:
    """Return the work of rules that train, or compute gradients."""
    code, training, retrain = config["code"], config["training"], config["retrain"]
    heldout, rivals, n = config["heldout"], config["rivals"], config["code"]["members"]
    per_epoch = training["steps_per_epoch"]

    def train(jobs: int, share: float) -> Work:
        steps = jobs * training["epochs"] * per_epoch
        seen = jobs * share * size.images
        return Work(
            steps=((steps, share * size.images / per_epoch),),
            bytes=jobs * FLOAT * size.weights,
            encoded=seen * (2 if training["flip"] else 1),
        )

    seen = code["weight"] / n
    controls = retrain["units"] + len(retrain["named"]) + retrain["fresh"]
    on_splits = n + code["weight"] * controls + (n if retrain["fresh"] else 0)
    samples = config["sampling"]["samples"]
    gradients = rivals["levels"] * (size.images + samples) + rivals["journey"] * samples
    known = published(config["model"]["base"])
    stored = {"base": known.stored if known else FLOAT}
    return {
        **{
            f"fetch_{part}": Work(bytes=stored.get(part, FLOAT) * count)
            for part, count in size.frozen.items()
        },
        "take_member": Work(bytes=(n + 1) * FLOAT * size.weights),
        "train_member": train(on_splits, seen)
        + train(1, 1)
        + train(heldout["models"] * heldout["repeats"], heldout["share"]),
        "project_gradients": Work(
            steps=(((n + 1) * gradients * rivals["gradients"], 1),),
            encoded=(n + 1) * (size.images + samples) * rivals["gradients"],
        ),
    }
