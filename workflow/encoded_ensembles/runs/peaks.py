"""Peak memory of the jobs of each rule, from the configuration and the sizes of a run.

Besides Python and its packages a job holds arrays: each term is the size in bytes of one array, or of
several in memory at once. `benchmarks/plan.py` compares the sums with measured memory.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from encoded_ensembles.members.network_size import NetworkSize
from encoded_ensembles.runs import arrays_held
from encoded_ensembles.runs.plan import TORCH
from encoded_ensembles.runs.size import Size

# Measured, in MB: Python with the packages that a job imports; NumPy alone in those of `LEAN`.
START, START_LEAN, START_TORCH, START_SAMPLER, START_FIGURE = 200, 60, 600, 800, 220
LEAN = {"fetch_dataset", "draw_noise", "choose_queries", "split_members", "split_heldout"}
# Rules of `TORCH` whose jobs do not import diffusers' schedulers.
UNSAMPLED = {
    "fetch_perceptual", "train_member", "train_classifier", "score_frechet", "score_rivals", "measure_influence", "check_attribution",
}  # fmt: skip
MARGIN = 1.5  # ratio of requested to expected memory
GPU_MB = 3000  # host memory of CUDA: its libraries and their context
LEAST_MB = 1000  # smallest request
MB = 1_000_000


def gpu_is_here() -> bool:
    """Return whether this machine has an NVIDIA GPU, without starting CUDA."""
    return Path("/dev/nvidia0").exists()


def memory_mb(
    rule: str, config: Mapping[str, Any], size: Size, network: NetworkSize, *, gpu: bool
) -> int:
    """Return the memory in MB that a job of a rule requests, on a GPU or not."""
    requested = MARGIN * peak_mb(rule, peaks(config, size, network, gpu=gpu))
    if gpu:
        requested += GPU_MB
    return max(LEAST_MB, 100 * math.ceil(requested / 100))


def peak_mb(rule: str, found: Mapping[str, float]) -> float:
    """Return the expected peak memory of a job of a rule, in MB.

    Args:
        rule: name of the rule.
        found: bytes of `peaks`.
    """
    start = START_FIGURE if rule.startswith("plot_") else START_LEAN if rule in LEAN else START
    if rule in TORCH:
        start = START_TORCH if rule in UNSAMPLED else START_SAMPLER
    return start + found.get(rule, 0) / MB


def peaks(
    config: Mapping[str, Any], size: Size, network: NetworkSize, *, gpu: bool = False
) -> dict[str, float]:
    """Return the peak bytes of the arrays of a job, by rule.

    Args:
        config: configuration from `check_config`.
        size: size of the run.
        network: size of a member's network.
        gpu: whether activations are in the memory of a GPU, not of the host.
    """
    if gpu:
        network = NetworkSize(network.weights, 0, 0)
    return (
        arrays_held.fetched(config, size)
        | arrays_held.trained(config, size, network)
        | arrays_held.sampled(config, size, network)
        | arrays_held.measured(config, size)
        | arrays_held.graded(config, size)
        | arrays_held.shown(config, size)
    )
