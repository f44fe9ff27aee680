"""Laws of how members are held: no path of the engine changes a byte in float32."""

import copy

import numpy as np
import pytest
import torch
from encoded_ensembles.ensemble import diffusion, noise, placement, sampling, trajectory
from encoded_ensembles.members import network
from encoded_ensembles.members.names import SAMPLERS
from encoded_ensembles.storage.files import InputError

SHAPE = (1, 8, 8)
CPU = torch.device("cpu")
KEEP = np.array([[1, 1, 1, 1], [0, 1, 0, 1], [0, 0, 1, 0], [1, 0, 1, 1], [1, 1, 0, 0]], bool)


@pytest.fixture
def members():
    torch.set_num_threads(1)
    config = network.unet_config(shape=SHAPE, widths=[8, 16], layers_per_block=1, attention=True)
    return [network.build_unet(config, seed=m).eval().requires_grad_(False) for m in range(4)]


def sample(members, *, keep=KEEP, device=CPU, **options):
    z = noise.draw_noise(steps=4, samples=5, shape=SHAPE, seed=1)
    return sampling.sample(
        members, keep=keep, noise=z, **{"sampler": "ddpm", "device": device} | options
    )


def test_buffers_that_members_share_are_moved_once():
    """Module.to gives each module buffers of its own: of SD3, each member its own positions."""
    first = torch.nn.Linear(2, 2)
    first.register_buffer("place", torch.arange(6.0))
    inner = torch.nn.Sequential(first)
    second = copy.deepcopy(inner, {id(first.place): first.place})
    moved = {}
    for each in (inner, second):
        placement._move(each, torch.device("meta"), moved)
    assert inner[0].place is second[0].place
    assert inner[0].place.device.type == "meta"


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_path_gives_the_same_bytes(members, sampler):
    """Resident and streamed members, any batch and group of trajectories, the masks in any blocks."""
    whole = sample(members, sampler=sampler).tobytes()
    held = {
        r: placement.hold(copy.deepcopy(members), device=CPU, resident=r) for r in (True, False)
    }
    assert isinstance(held[False], placement.Streamed)
    # each two of the three options meet in every way
    for resident, batch, trajectories in [
        *((True, 16, 1), (False, 37, 1), (True, 37, 12), (False, 16, 12)),
        *((True, 16, 8192), (False, 37, 8192)),
    ]:
        options = {"sampler": sampler, "batch": batch, "trajectories": trajectories}
        assert sample(held[resident], **options).tobytes() == whole, (resident, options)
    for resident, blocks in ((True, 2), (False, 5)):
        parts = [
            sample(held[resident], keep=part, sampler=sampler).tobytes()
            for part in np.array_split(KEEP, blocks)
        ]
        assert b"".join(parts) == whole, (resident, blocks)


def test_streamed_members_take_turns_in_one_network(members):
    first = copy.deepcopy(members[0])
    streamed = placement.hold(members, device=CPU, resident=False)
    assert len(streamed) == 4
    for m in (2, 0, 2):
        assert streamed[m] is streamed[1]  # which is asked for last, so holds member 1
        for name, weight in streamed[m].state_dict().items():
            assert torch.equal(weight, members[m].state_dict()[name])
    assert all(
        torch.equal(a, b)
        for a, b in zip(first.state_dict().values(), members[0].state_dict().values(), strict=True)
    )
    z = noise.draw_noise(steps=3, samples=2, shape=SHAPE, seed=1)
    followed = [
        [
            each.tobytes()
            for _, each in trajectory.estimates(held, noise=z, sampler="ddpm", device=CPU)
        ]
        for held in (members, streamed)
    ]
    assert followed[0] == followed[1]


def test_the_network_on_the_device_is_not_copied_in_host_memory(members, monkeypatch):
    def twice(*_):
        raise AssertionError("a weight was copied on its own device")

    monkeypatch.setattr(torch.nn.Parameter, "__deepcopy__", twice)
    places = {each.data_ptr() for each in members[0].parameters()}
    slot = placement.hold(members, device=CPU, resident=False).slot
    assert not places & {each.data_ptr() for each in slot.parameters()}
    assert not any(each.requires_grad for each in slot.parameters())


def test_of_adapters_only_the_adapters_are_transferred(members, monkeypatch):
    """Issue 16.7: the base was pinned and copied once for each member."""
    base = {name: each.data for name, each in members[0].named_parameters()}
    adapted = "conv_out.weight"
    for member in members[1:]:
        for name, each in member.named_parameters():
            if name != adapted:
                each.data = base[name]
    whole = sample(members).tobytes()
    streamed = placement.hold(members, device=CPU, resident=False)
    transferred, real = [], torch.Tensor.copy_

    def copy_(target, source, **options):
        transferred.append(source.nbytes)
        return real(target, source, **options)

    monkeypatch.setattr(torch.Tensor, "copy_", copy_)
    for m in (0, 1, 1, 3):
        assert torch.equal(streamed[m].conv_out.weight, members[m].conv_out.weight)
    monkeypatch.undo()
    assert transferred == 3 * [members[0].conv_out.weight.nbytes]
    assert sample(streamed).tobytes() == whole


def test_bfloat16_moves_samples_a_little(members):
    exact = sample(members)
    lower = sample(placement.hold(members, device=CPU, precision="bfloat16"))
    assert lower.dtype == np.float32
    assert 0 < np.abs(lower - exact).max() < 0.2


def test_compiled_needs_a_compiler(members, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(InputError, match=r"sampling.compile is true, but the C\+\+ compil"):
        placement.hold(members, device=CPU, compiled=True)


@pytest.mark.slow
def test_compiled_members_differ_in_the_last_digits(members):
    exact = sample(members)
    compiled = sample(placement.hold(members, device=CPU, compiled=True))
    assert np.abs(compiled - exact).max() < 1e-3


def test_batches_are_smaller_for_larger_images():
    assert sampling.batch_of((1, 8, 8), kind="cpu") == 512
    assert sampling.batch_of((3, 32, 32), kind="cpu") == 32
    assert sampling.batch_of((3, 32, 32), kind="cuda") == 256
    assert sampling.batch_of((3, 256, 256), kind="cpu") == 16


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("resident", [True, False])
def test_no_step_waits_for_the_gpu(members, resident):
    cuda = torch.device("cuda")
    held = placement.hold(members, device=cuda, resident=resident)
    sample(held, device=cuda)  # what comes once
    steps, real = [], diffusion.take_step

    def take_step(*args, **options):
        torch.cuda.set_sync_debug_mode("error" if len(steps) < 3 else "default")
        steps.append(None)
        return real(*args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diffusion, "take_step", take_step)
        sample(held, device=cuda)
    assert len(steps) == 4
