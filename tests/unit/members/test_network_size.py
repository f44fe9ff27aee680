"""The number of weights of a member's network, without building it."""

import numpy as np
import pytest
from encoded_ensembles.members.network import import_network, unet_config
from encoded_ensembles.members.network_size import network_size


@pytest.mark.parametrize(
    "options",
    [
        {"shape": (1, 8, 8), "widths": [8], "attention": [0]},
        {"shape": (3, 16, 16), "widths": [8, 16, 24], "attention": True, "layers_per_block": 3},
        {"shape": (2, 8, 16), "widths": [16, 8], "classes": 7},
        {"shape": (3, 32, 32), "widths": [128, 256, 512, 512], "attention": [1], "norm_groups": 32},
    ],
)
def test_weights_are_counted_without_the_network(options):
    import torch

    arguments = unet_config(**{"layers_per_block": 2, "attention": False} | options)
    with torch.device("meta"):
        network = import_network()(**arguments)
    assert network_size(arguments).weights == sum(each.numel() for each in network.parameters())


def test_numbers_held_by_hand():
    """One resolution of 8x8 with one layer: 1 + 2 + 2 blocks, and the first and last layer."""
    size = network_size(
        unet_config(shape=(1, 8, 8), widths=[8], layers_per_block=1, attention=False)
    )
    narrow, wide = 3 * 8 + 4 * 8, 3 * 16 + 4 * 8  # a block that takes a skipped input has both
    assert size.trained == 64 * (2 * 8 + 3 * narrow + 2 * wide)
    assert size.held == 64 * (8 + 5 * 8 + wide)
    assert np.isfinite(size.weights)
