"""Laws of members that are adapters: the base stays, only the adapter is trained, bytes are the same."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from encoded_ensembles.ensemble import sampling
from encoded_ensembles.grading import gradients
from encoded_ensembles.members import (
    adapter_training,
    adapters,
    batches,
    checkpoint,
    load,
    training,
)
from encoded_ensembles.members import names as names_
from encoded_ensembles.members import network as unet
from encoded_ensembles.storage.files import InputError
from safetensors.numpy import load_file

CPU = torch.device("cpu")
NAMES = [f"x/{i}" for i in range(9)]
IMAGES = np.random.default_rng(0).integers(0, 256, (9, 8, 8, 1), dtype=np.uint8)
RECIPE = batches.Recipe(
    epochs=3, steps_per_epoch=4, learning_rate=1e-2, ema=0.9, precision="float32", seed=5
)
TARGETS = ["conv1", "conv2", "time_emb_proj", "to_q", "to_out.0"]


def build(seed=0, **options):
    torch.set_num_threads(1)
    options = {"widths": [8, 8], "layers_per_block": 1, "attention": True} | options
    return unet.build_unet(unet.unet_config(shape=(1, 8, 8), **options), seed=seed).eval()


def adapter(base=None, *, targets=TARGETS, seed=0):
    return adapter_training.add_adapter(
        base or build(), rank=2, alpha=4.0, targets=targets, seed=seed
    )


def trained(images=IMAGES, *, recipe=RECIPE, **options):
    model, _ = training.train(adapter(), images, NAMES, recipe=recipe, device=CPU, **options)
    return model


@pytest.fixture
def folder(tmp_path):
    """A base, and an adapter of it in members/00."""
    base = build()
    unet.save_network(base, tmp_path / "base")
    save(trained(), tmp_path / "members/00")
    return tmp_path


def save(model, folder):
    adapter_training.save_adapter(model, folder, base="../../base")


def predict(network, images=IMAGES):
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode():
        return sampling.predict(
            network, x, torch.tensor(40), numbers=torch.arange(len(x)), batch=16
        )


def weights(network):
    return {name: each.detach().clone() for name, each in network.named_parameters()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_a_fresh_adapter_predicts_what_the_base_does(tmp_path):
    unet.save_network(build(), tmp_path / "base")
    save(adapter(), tmp_path / "members/00")
    network = load.load_unet(tmp_path / "members/00", device=CPU)
    assert torch.equal(predict(network), predict(load.load_unet(tmp_path / "base", device=CPU)))


def test_training_changes_the_adapter_alone():
    before = weights(adapter())
    after = weights(trained())
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {name for name in before if "lora_" in name}


def test_a_trained_adapter_predicts_what_peft_does(folder):
    from peft import PeftModel

    theirs = PeftModel.from_pretrained(build(), folder / "members/00").eval()
    ours = predict(load.load_unet(folder / "members/00", device=CPU))
    assert torch.allclose(ours, predict(theirs), atol=1e-5)
    assert not torch.allclose(ours, predict(build()), atol=1e-2)
    merged = predict(theirs.merge_and_unload())
    assert torch.allclose(ours, merged, atol=1e-5)


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


def test_a_row_of_a_batch_does_not_depend_on_the_others(folder):
    network = load.load_unet(folder / "members/00", device=CPU)
    whole = predict(network, np.concatenate([IMAGES] * 3))
    assert torch.equal(predict(network, IMAGES[:1])[0], whole[18])


def test_the_files_are_the_same_each_time(folder):
    save(trained(), folder / "again")
    for name in names_.member_files(adapter=True):
        assert (folder / "again" / name).read_bytes() == (folder / "members/00" / name).read_bytes()
    assert sorted(file.suffix for file in (folder / "again").iterdir()) == [
        ".json",
        ".safetensors",
    ]


def test_a_killed_training_goes_on_to_the_same_bytes(tmp_path):
    class KilledError(Exception):
        pass

    def kill(steps, total):
        for step in steps:
            if step == 5:
                raise KilledError
            yield step

    state = checkpoint.Checkpoint(tmp_path / "state", key="a", seconds=0)
    with pytest.raises(KilledError):
        trained(checkpoint=state, track=kill)
    held = load_file(tmp_path / "state")
    assert not any("base_layer" in name or name.endswith("conv_in.weight") for name in held)
    assert same(weights(trained(checkpoint=state)), weights(trained()))


def test_another_image_changes_the_adapter():
    other = IMAGES.copy()
    other[3] = 255 - other[3]
    assert not same(weights(trained(other)), weights(trained()))


def test_seeds_and_dropout():
    assert same(weights(adapter(seed=3)), weights(adapter(seed=3)))
    assert not same(weights(adapter(seed=3)), weights(adapter(seed=4)))
    models = [
        training.train(adapter(build(dropout=0.5)), IMAGES, NAMES, recipe=RECIPE, device=CPU)[0]
        for _ in range(2)
    ]
    assert same(weights(models[0]), weights(models[1]))
    assert not same(weights(models[0]), weights(trained()))


def test_gradients_are_of_the_adapter(folder):
    network = load.load_unet(folder / "members/00", device=CPU)
    names = list(unet.trained_weights(network))
    assert all(name.endswith(("down", "up")) for name in names)
    x = torch.from_numpy(IMAGES).permute(0, 3, 1, 2).float() / 255
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    loss, _ = gradients.image_gradients(network, x, noise, 40)
    network.requires_grad_(True)
    own = ((network(x[:1], 40).sample - noise[:1]) ** 2).mean()
    expected = torch.autograd.grad(own, list(unet.trained_weights(network).values()))
    assert torch.allclose(loss[0], torch.cat([each.flatten() for each in expected]), atol=1e-5)


def test_whole_networks_are_trained_whole():
    network = build()
    assert list(unet.trained_weights(network)) == [name for name, _ in network.named_parameters()]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"shape": (1, 8, 8), "classes": None}, None),
        ({"shape": (3, 8, 8), "classes": None}, "is a network for images of"),
        ({"shape": (1, 16, 16), "classes": None}, "set dataset.size"),
        ({"shape": (1, 8, 8), "classes": 4}, "is conditioned on no labels, expected 4"),
    ],
)
def test_a_base_for_other_images_is_refused(options, said):
    if said is None:
        adapter_training.check_base(build(), **options)
        return
    with pytest.raises(InputError, match=said):
        adapter_training.check_base(build(), **options)


def test_unknown_layers_are_named():
    with pytest.raises(InputError, match=r"holds to_qq, .*did you mean to_q\?"):
        adapter(targets=["conv1", "to_qq"])
    with pytest.raises(InputError, match="which names no linear or convolutional layer"):
        adapter(build(attention=False), targets=["to_q"])
    with pytest.raises(InputError, match="which names no linear or convolutional layer"):
        adapter(targets=["norm1"])


def spoil(folder, change):
    """Write another adapter, as if it were meant."""
    own = folder / "members/00"
    tensors = load_file(own / names_.ADAPTER_WEIGHTS)
    facts = json.loads((own / names_.ADAPTER_CONFIG).read_text())
    name = sorted(tensors)[0]
    if change in ("half", "foreign", "shape"):
        tensor = tensors.pop(name)
        if change == "foreign":
            tensors["base_model.model.conv_in.bias"] = tensor
        if change == "shape":
            tensors[name] = tensor[:1]
    else:
        facts |= change
    adapters.write_files(own, facts, tensors)


@pytest.mark.parametrize(
    "change",
    ["half", "foreign", "shape", {"use_dora": True}, {"r": 0}, {"lora_alpha": None}],
)
def test_a_foreign_adapter_is_refused(folder, change):
    spoil(folder, change)
    with pytest.raises(InputError, match="does not hold an adapter of its base"):
        load.load_unet(folder / "members/00", device=CPU)


@pytest.mark.parametrize("home", ["../../nowhere", ".", None])
def test_a_base_that_is_not_there_is_refused(folder, home):
    spoil(folder, {"base_model_name_or_path": home})
    with pytest.raises(InputError, match="does not hold a network's weights"):
        load.load_unet(folder / "members/00", device=CPU)


@pytest.mark.parametrize("name", names_.member_files(adapter=True))
def test_a_damaged_adapter_is_refused_by_name(folder, name):
    file = folder / "members/00" / name
    whole = file.read_bytes()
    for damaged in (whole[:-9], whole[:60] + bytes([whole[60] ^ 1]) + whole[61:], b""):
        file.write_bytes(damaged)  # outside of a run, an empty file is not known as the program's
        with pytest.raises(
            InputError, match=f"{name} (is damaged|was not written by this program)"
        ):
            load.load_unet(folder / "members/00", device=CPU)


def test_a_pickled_adapter_is_not_read(folder):
    whole = load_file(folder / "members/00" / names_.ADAPTER_WEIGHTS)
    torch.save(whole, folder / "members/00/adapter_model.bin")
    (folder / "members/00" / names_.ADAPTER_WEIGHTS).unlink()
    with pytest.raises(InputError, match="does not hold an adapter"):
        load.load_unet(folder / "members/00", device=CPU)


def test_a_change_by_hand():
    change = adapters.LowRank(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0], [-1.0]]), scale=0.5)
    weight = torch.tensor([[10.0, 20.0], [30.0, 40.0]])
    assert change(weight).tolist() == [[11.5, 23.0], [29.5, 39.0]]


def test_bfloat16():
    trained(recipe=dataclasses.replace(RECIPE, precision="bfloat16"))
