"""Loading members for inference: whole networks, and adapters that share one base."""

import pytest
import torch
from encoded_ensembles.members import load, names
from encoded_ensembles.members import network as unet
from encoded_ensembles.storage import files
from small_adapters import CPU, adapter, build, predict, same, save, weights, write_folder


@pytest.fixture
def member(tmp_path):
    config = unet.unet_config(shape=(1, 8, 8), widths=[8], layers_per_block=1, attention=False)
    folder = tmp_path / "results/a/members/00"
    unet.save_network(unet.build_unet(config, seed=0), folder)
    return folder


def test_a_member_loads_with_diffusers_and_damaged_it_does_not_here(member):
    from diffusers import UNet2DModel

    network = load.load_unet(member, device=torch.device("cpu"))
    plain = UNet2DModel.from_pretrained(member).state_dict()
    assert all(torch.equal(each, plain[name]) for name, each in network.state_dict().items())
    for name, old, new in (
        ("config.json", b'"norm_eps": 1e-05', b'"norm_eps": 1e-04'),  # another network, silently
        (names.WEIGHTS, b"sha256", b"sha255"),
    ):
        whole = (member / name).read_bytes()
        assert old in whole
        (member / name).write_bytes(whole.replace(old, new, 1))
        with pytest.raises(files.InputError, match=f"{name} is damaged"):
            load.load_unet(member, device=torch.device("cpu"))
        (member / name).write_bytes(whole)


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path)


def test_members_share_the_base_and_leave_it_as_it_is(folder):
    save(adapter(seed=1), folder / "members/01")
    one, two = load.load_members([folder / "members/00", folder / "members/01"], device=CPU)
    places = [{each.data_ptr() for each in network.parameters()} for network in (one, two)]
    numbers = sum(each.numel() for each in build().parameters())
    both = {each.data_ptr(): each.numel() for net in (one, two) for each in net.parameters()}
    own = sum(each.numel() for net in (one, two) for each in unet.trained_weights(net).values())
    assert sum(both.values()) == numbers + own
    assert len(places[0] & places[1]) == len(list(build().parameters()))
    alone = predict(load.load_unet(folder / "members/00", device=CPU))
    predict(two)
    assert torch.equal(predict(one), alone)  # whatever was switched in between
    assert same(weights(load.load_unet(folder / "base", device=CPU)), weights(build()))
