"""What tests of programs that score a run have in common."""

import pytest
from encoded_ensembles.members import network


@pytest.fixture
def model():
    """A small network with random weights, for 8x8 grey pictures."""
    config = network.unet_config(
        shape=(1, 8, 8), widths=[8], layers_per_block=1, attention=False, norm_groups=2
    )
    return network.build_unet(config, seed=0).eval()
