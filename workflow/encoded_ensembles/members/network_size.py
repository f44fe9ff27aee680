"""The number of weights of a member's network, and the memory of a pass, without building it.

The blocks are those of diffusers' UNet2DModel; a test compares with the weights of real networks.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


class NetworkSize(NamedTuple):
    """The size of a network.

    Attributes:
        weights: numbers in all its layers.
        trained: numbers that a training step with one image stores for its backward pass.
        held: largest count of numbers in memory in a pass of one image without a backward pass.
    """

    weights: int
    trained: int
    held: int


def network_size(config: Mapping[str, Any]) -> NetworkSize:
    """Return the size of a network from the arguments of UNet2DModel (`network.unet_config`)."""
    widths, channels = config["block_out_channels"], config["in_channels"]
    height, width = _sides(config["sample_size"])
    first, time = widths[0], 4 * widths[0]
    weights = _linear(first, time) + _linear(time, time) + (config["num_class_embeds"] or 0) * time
    weights += _conv(channels, first) + 2 * first + _conv(first, config["out_channels"])
    trained, kept, largest = 2 * first * height * width, first * height * width, 0
    for kind, level, before, after in _layers(config):
        places = max(1, height >> level) * max(1, width >> level)
        if kind == "resnet":
            weights += 2 * (before + after) + _conv(before, after) + _conv(after, after)
            weights += _linear(time, after) + (_linear(before, after) if before != after else 0)
        elif kind == "attention":
            weights += 2 * after + 4 * _linear(after, after)
        else:
            weights += _conv(before, after)
        trained += (3 * before + 4 * after) * places
        kept += after * places
        largest = max(largest, (3 * before + 4 * after) * places)
    return NetworkSize(weights, trained, kept + largest)


def _layers(config: Mapping[str, Any]) -> Iterator[tuple[str, int, int, int]]:
    """Yield kind (resnet, attention, scale), resolution, channels in and out of each layer."""
    widths, layers = config["block_out_channels"], config["layers_per_block"]
    last, before = len(widths) - 1, widths[0]
    for level, width in enumerate(widths):
        attends = "Attn" in config["down_block_types"][level]
        for number in range(layers):
            yield "resnet", level, before if number == 0 else width, width
            if attends:
                yield "attention", level, width, width
        if level != last:
            yield "scale", level, width, width
        before = width
    yield "resnet", last, before, before
    if config["add_attention"]:
        yield "attention", last, before, before
    yield "resnet", last, before, before
    for number, level in enumerate(reversed(range(len(widths)))):
        width, below = widths[level], widths[max(level - 1, 0)]
        attends = "Attn" in config["up_block_types"][number]
        for layer in range(layers + 1):
            skipped = below if layer == layers else width
            yield "resnet", level, (before if layer == 0 else width) + skipped, width
            if attends:
                yield "attention", level, width, width
        if level:
            yield "scale", level - 1, width, width
        before = width


def _conv(before: int, after: int) -> int:
    """Return the weights of a 3x3 convolution."""
    return (9 * before + 1) * after


def _linear(before: int, after: int) -> int:
    """Return the weights of a linear layer."""
    return (before + 1) * after


def _sides(size: Any) -> tuple[int, int]:
    """Return height and width from one side or both."""
    return (size, size) if isinstance(size, int) else (size[0], size[1])
