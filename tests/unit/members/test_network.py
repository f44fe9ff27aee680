"""The network of a member, from the keys of the configuration."""

import pytest
import torch
from encoded_ensembles.members import load
from encoded_ensembles.members import network as unet
from small_adapters import build

SHAPE = (1, 8, 8)


@pytest.mark.parametrize(
    ("attention", "attends", "middle"),
    [
        (False, "..", False),
        (True, ".A", True),
        ([0], "A.", True),
        ([0, 1], "AA", True),
        ([], "..", False),
    ],
)
def test_attention_is_where_it_is_asked_for(attention, attends, middle):
    """Issue 14.28: true is every resolution but the finest, which would cost most."""
    config = unet.unet_config(shape=SHAPE, widths=[8, 8], layers_per_block=1, attention=attention)
    found = "".join("A" if name.startswith("Attn") else "." for name in config["down_block_types"])
    assert (found, config["add_attention"]) == (attends, middle)
    assert [name.startswith("Attn") for name in config["up_block_types"]] == [
        name.startswith("Attn") for name in reversed(config["down_block_types"])
    ]


def test_the_keys_of_the_network_are_its_own():
    config = unet.unet_config(
        shape=(3, 8, 16), widths=[8, 16], layers_per_block=2, attention=False, dropout=0.25,
        norm_groups=4, classes=5,
    )  # fmt: skip
    network = unet.build_unet(config, seed=0)
    assert unet.seen_shape(network) == (3, 8, 16)
    assert network.config.block_out_channels == (8, 16)
    assert network.config.layers_per_block == 2
    assert network.config.dropout == 0.25
    assert network.config.norm_num_groups == 4
    assert network.config.num_class_embeds == 5
    assert unet.trained_weights(network).keys() == dict(network.named_parameters()).keys()


def test_initial_weights_follow_from_the_seed_and_leave_torch_alone():
    config = unet.unet_config(shape=SHAPE, widths=[8], layers_per_block=1, attention=False)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, again, other = (unet.build_unet(config, seed=seed).state_dict() for seed in (0, 0, 1))
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_a_network_is_read_as_it_was_written(tmp_path):
    config = unet.unet_config(shape=SHAPE, widths=[8], layers_per_block=1, attention=False)
    network = unet.build_unet(config, seed=0)
    unet.save_network(network, tmp_path)
    found = load.load_unet(tmp_path, device=torch.device("cpu"))
    assert not found.training
    assert not any(each.requires_grad for each in found.parameters())
    assert all(
        torch.equal(each, network.state_dict()[name]) for name, each in found.state_dict().items()
    )


def fresh(**options):
    torch.set_num_threads(1)
    config = unet.unet_config(
        shape=(1, 8, 8), widths=[8], layers_per_block=1, attention=False, **options
    )
    return unet.build_unet(config, seed=0)


def test_initial_weights_follow_from_the_seed():
    a, b = fresh().state_dict(), fresh().state_dict()
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_whole_networks_are_trained_whole():
    network = build()
    assert list(unet.trained_weights(network)) == [name for name, _ in network.named_parameters()]


def test_a_network_without_memory_has_all_shapes_and_no_values(tmp_path):
    network = build()
    unet.save_network(network, tmp_path)
    found = unet.empty_network(tmp_path).state_dict()
    shapes = {name: each.shape for name, each in network.state_dict().items()}
    assert {name: each.shape for name, each in found.items()} == shapes
    assert all(each.is_meta for each in found.values())
