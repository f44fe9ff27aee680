"""How much memory the jobs of each rule take at their peak, from the configuration and the sizes of a run.

What a job holds beside Python and its packages are arrays: each term below is one, or several of one
size that are held at once, in bytes. `benchmarks/plan.py` compares the sums with what jobs took.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from encoded_ensembles.members.network_size import NetworkSize
from encoded_ensembles.runs import arrays_held
from encoded_ensembles.runs.plan import TORCH
from encoded_ensembles.runs.size import Size

# Measured, in MB: Python with the packages that a job imports.
START, START_TORCH, START_FIGURE = 200, 800, 220
MARGIN = 1.5  # of what is asked for over what is expected
GPU_MB = 3000  # of the host's memory, that CUDA takes beside: its libraries and their context
LEAST_MB = 1000  # asked for at least
MB = 1_000_000


def gpu_is_here() -> bool:
    """Say whether this machine has a GPU of NVIDIA's, without starting CUDA."""
    return Path("/dev/nvidia0").exists()


def memory_mb(
    rule: str, config: Mapping[str, Any], size: Size, network: NetworkSize, *, gpu: bool
) -> int:
    """Return the memory in MB that a job of a rule asks for, that computes on a GPU or not."""
    asked = MARGIN * peak_mb(rule, peaks(config, size, network, gpu=gpu))
    if gpu:
        asked += GPU_MB
    return max(LEAST_MB, 100 * math.ceil(asked / 100))


def peak_mb(rule: str, found: Mapping[str, float]) -> float:
    """Return the memory in MB that a job of a rule is expected to take at its peak.

    Args:
        rule: its name.
        found: of `peaks`.
    """
    start = START_FIGURE if rule.startswith("plot_") else START
    return (START_TORCH if rule in TORCH else start) + found.get(rule, 0) / MB


def peaks(
    config: Mapping[str, Any], size: Size, network: NetworkSize, *, gpu: bool = False
) -> dict[str, float]:
    """Return the bytes that the arrays of a job take at most, by rule.

    Args:
        config: of `check_config`.
        size: of the run.
        network: of a member.
        gpu: whether what networks compute lies in the memory of a GPU, not of the host.
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
