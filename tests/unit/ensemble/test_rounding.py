"""Rounding is estimated without finer arithmetic, and compared with what members differ by."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from encoded_ensembles.ensemble import placement, rounding
from encoded_ensembles.ensemble.diffusion import DDPM
from encoded_ensembles.members.network import build_unet, unet_config

CPU = torch.device("cpu")
rng = np.random.default_rng(0)
IMAGES = rng.uniform(-1, 1, (20, 1, 8, 8)).astype(np.float32)
NOISE = rng.standard_normal((20, 1, 8, 8)).astype(np.float32)


def measured(members, precision, images=IMAGES, noise=NOISE):
    return rounding.measure_rounding(
        members, images, noise, level=100, precision=precision, sampler="ddpm", device=CPU
    )


def networks(spread):
    """Return two networks of which the second is the first with weights moved by a share."""
    config = unet_config(shape=(1, 8, 8), widths=(32, 64), layers_per_block=2, attention=True)
    first, second = (build_unet(config, seed=0).eval() for _ in range(2))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in second.parameters():
            weight.mul_(1 + spread * torch.randn(weight.shape, generator=generator))
    return [first, second]


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_the_estimate_is_near_the_error_against_float32(precision):
    members = networks(0.01)
    x = DDPM("ddpm", bounded=True).noised(
        torch.from_numpy(IMAGES[:16]), torch.from_numpy(NOISE[:16]), 100
    )
    with torch.inference_mode():
        exact = members[0](x, torch.tensor(100)).sample
        placement.set_arithmetic(members[0], precision=precision, compiled=False)
        error = (members[0](x, torch.tensor(100)).sample - exact).square().mean().sqrt().item()
    placement.set_arithmetic(members[1], precision=precision, compiled=False)
    assert measured(members, precision)["rounding"] == pytest.approx(error, rel=0.5)


def test_precisions_are_in_order_and_coarse_ones_are_warned_of():
    shares, errors = {}, {}
    for precision in placement.PRECISIONS:
        members = networks(0.003)
        for member in members:
            placement.set_arithmetic(member, precision=precision, compiled=False)
        found = measured(members, precision)
        shares[precision], errors[precision] = found["share"], found["rounding"]
        assert found["share"] == found["rounding"] / found["spread"]
        assert bool(found["warnings"]) == (found["share"] > 1 / 3)
    assert shares["bfloat16"] > 1 / 3 > shares["float16"] > 1000 * shares["float32"]
    assert 5 < errors["bfloat16"] / errors["float16"] < 12


def test_the_spread_by_hand():
    def member(value):
        def predict(x, level, **_):
            return SimpleNamespace(sample=torch.full_like(x, value))

        predict.config = SimpleNamespace(num_class_embeds=None)
        return predict

    found = measured([member(1.0), member(2.0), member(6.0)], "bfloat16")
    assert found["spread"] == pytest.approx(7**0.5)  # mean 3: (4 + 1 + 9) / 2
    assert found["rounding"] == 0
    assert found["warnings"] == []
    same = measured([member(1.0)] * 2, "float32")
    assert same["share"] == 1
    assert "train members longer" in same["warnings"][0]


def test_sixteen_samples_are_enough_and_more_are_not_seen():
    members = networks(0.01)
    assert measured(members, "float32") == measured(members, "float32", IMAGES[:16], NOISE[:16])


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_moved_inputs_alone_are_little(precision):
    """A network that only rounds its input: the error is that of rounding, 0.29 of the step on average."""

    def member(x, level, **_):
        return SimpleNamespace(sample=x.to(getattr(torch, precision)))

    member.config = SimpleNamespace(num_class_embeds=None)
    x = DDPM("ddpm", bounded=True).noised(
        torch.from_numpy(IMAGES[:16]), torch.from_numpy(NOISE[:16]), 100
    )
    error = (x.to(getattr(torch, precision)).float() - x).square().mean().sqrt().item()
    assert error < measured([member] * 2, precision)["rounding"] < 1.7 * error


@pytest.mark.parametrize(
    ("precision", "device", "said"),
    [
        ("bfloat16", "cuda", "set sampling.precision to float16, which rounds an eighth as much, or float32, or train"),
        ("bfloat16", "cpu", "set sampling.precision to float32, or train"),
        ("float16", "cuda", "set sampling.precision to float32, or train"),
        ("float32", "cpu", "train"),
    ],
)  # fmt: skip
def test_what_is_advised(precision, device, said):
    assert rounding.rounding_warning(precision, 0.5, device) == (
        f"members hardly differ: rounding in {precision} is 50% of what their predictions differ by, so units "
        f"are hard to tell apart; {said} members longer."
    )
