"""What a text-to-image run takes: computed from its networks' operations, not measured by running them.

A step of such a network would take minutes on a processor. Seconds are operations by the speed of this machine in
products of matrices, of which networks reach a part.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from encoded_ensembles.ensemble.sampling import batch_of
from encoded_ensembles.members.latents import Shape
from encoded_ensembles.members.network_size import NetworkSize
from encoded_ensembles.members.published import PUBLISHED
from encoded_ensembles.runs import layout
from encoded_ensembles.runs.array_terms import held_weight, largest_batch, most_at_once
from encoded_ensembles.runs.frozen_size import FLOAT, frozen_config
from encoded_ensembles.runs.rates import TURNS, Networks, Rates, clock, starts
from encoded_ensembles.runs.size import seen_shape
from encoded_ensembles.storage.files import InputError

REACHED = 0.4  # assumed: share of the speed of products of matrices
SIDES = {"cpu": 512, "cuda": 4096}  # of these matrices
LEAST = 0.02  # seconds that are timed: some systems count processor time in steps of 0.01 s
KEPT = 5  # numbers for a trained weight: itself, its average, its gradient, two of Adam
GPU_GB, GPU_SPEED = (
    24,
    60e12,
)  # a GPU to say what fits, and an assumed speed in bfloat16, operations a second


@dataclass(frozen=True)
class TextRates:
    """What is known of a text-to-image run before it starts.

    Attributes:
        rates: as of other runs, without constant parts of calls and steps.
        networks: sizes.
        size: of the denoiser, as `peaks` takes it.
        passes: of the denoiser in an evaluation: 2 with guidance.
        training_bytes: memory of a training job's networks and activations.
        sampling_bytes: that of a sampling job's.
    """

    rates: Rates
    networks: Networks
    size: NetworkSize
    passes: int
    training_bytes: float
    sampling_bytes: float

    def on_gpu(self, flops: float) -> str:
        """Return a sentence: whether so many operations of a run fit a GPU, and how long they take."""
        training, sampling = (each / 1e9 for each in (self.training_bytes, self.sampling_bytes))
        fits = "fits" if max(training, sampling) < GPU_GB else "does not fit"
        return (
            f"On one GPU of {GPU_GB} GB, computed and not measured: a training job needs {training:.1f} GB and a sampling "
            f"job {sampling:.1f} GB, which {fits}; with an assumed {GPU_SPEED / 1e12:.0f} TFLOP/s the run takes "
            f"{flops / GPU_SPEED / 3600:.1f} hours."
        )


def text_rates(config: Mapping[str, Any], shape: Shape, images: int, *, device: str) -> TextRates:
    """Compute what a text-to-image run takes.

    Args:
        config: configuration from `check_config`.
        shape: (C, H, W) of the pictures.
        images: to train on.
        device: auto, cpu, cuda or cuda:N.

    Raises:
        InputError: the pipeline is neither on this machine nor `published`, or its autoencoder does not fit the pictures.
    """
    from encoded_ensembles.members.text_cost import coder_cost, text_cost, training_passes

    folder, model = Path("results", config["run"]), config["model"]
    training, sampling, code = config["training"], config["sampling"], config["code"]
    base, autoencoder = (frozen_config(model, part, folder) for part in ("base", "autoencoder"))
    if base is None or autoencoder is None:
        raise InputError(
            f"config key model.base is {model['base']}, expected the folder of a pipeline on this machine, or one of "
            f"{', '.join(PUBLISHED)}, whose networks a plan can count; download it and name its folder."
        )
    seen = seen_shape(config, shape, folder)
    cost = text_cost(
        base,
        seen,
        rank=model["lora"]["rank"],
        targets=model["lora"]["targets"],
        training=training["precision"],
        sampling=sampling["precision"],
        checkpointing=training["checkpointing"],
    )
    coder = coder_cost(autoencoder, shape, seen)
    guided = (sampling["guidance"] or 0) > 1 and "Flux" not in base["_class_name"]
    passes = 2 if guided else 1
    backward = training_passes(checkpointing=training["checkpointing"])
    speed = REACHED * _speed(device, sampling["precision"])
    rows = sampling["batch"] or batch_of(seen, kind="cuda")
    number = held_weight(config, "sampling")
    return TextRates(
        rates=Rates(
            call=0.0,
            row=cost.flops / speed,
            step=0.0,
            image=backward * cost.flops / speed,
            passes=backward,
            **starts(),
            flops=cost.flops,
            encode=coder.encode / speed,
            decode=coder.decode / speed,
        ),
        networks=Networks(seen, cost.adapter, {"base": cost.weights, "autoencoder": coder.weights}),
        size=NetworkSize(
            cost.weights, int(cost.trained // FLOAT), int(passes * cost.held // FLOAT)
        ),
        passes=passes,
        training_bytes=cost.weight_bytes
        + KEPT * FLOAT * cost.adapter
        + max(1, most_at_once(config, images)) * cost.trained  # of the model that sees all
        + largest_batch(training, images) * FLOAT * cost.embedded
        + FLOAT * images * math.prod(seen) * (1 + training["flip"]),
        sampling_bytes=cost.weight_bytes
        + code["members"] * number * (cost.weights if layout.whole(config) else cost.adapter)
        + (len(sampling["prompts"]) + 1) * number * cost.embedded
        + FLOAT * coder.weights
        + max(rows * passes * cost.held, coder.held),
    )


def _speed(device: str, precision: str) -> float:
    """Return operations a second of this machine in a product of two matrices."""
    import torch

    from encoded_ensembles.members.device import choose_device
    from encoded_ensembles.members.prompted import DTYPES

    where = choose_device(device)
    side = SIDES[where.type]
    one = torch.randn(side, side, device=where, dtype=DTYPES[precision])
    torch.mm(one, one)  # warm-up
    before, turns, spent = clock(where), 0, 0.0
    while turns < TURNS or spent < LEAST:
        torch.mm(one, one)
        turns, spent = turns + 1, clock(where) - before
    return turns * 2 * side**3 / spent
