"""Laws of members that are adapters: they predict what peft does, and damage is refused."""

import json

import numpy as np
import pytest
import torch
from encoded_ensembles.members import adapters, load, names
from encoded_ensembles.members import network as unet
from encoded_ensembles.storage.files import InputError
from safetensors.numpy import load_file
from small_adapters import CPU, IMAGES, adapter, build, predict, save, write_folder


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path)


def test_a_fresh_adapter_predicts_what_the_base_does(tmp_path):
    unet.save_network(build(), tmp_path / "base")
    save(adapter(), tmp_path / "members/00")
    network = load.load_unet(tmp_path / "members/00", device=CPU)
    assert torch.equal(predict(network), predict(load.load_unet(tmp_path / "base", device=CPU)))


def test_a_trained_adapter_predicts_what_peft_does(folder):
    from peft import PeftModel

    theirs = PeftModel.from_pretrained(build(), folder / "members/00").eval()
    ours = predict(load.load_unet(folder / "members/00", device=CPU))
    assert torch.allclose(ours, predict(theirs), atol=1e-5)
    assert not torch.allclose(ours, predict(build()), atol=1e-2)
    merged = predict(theirs.merge_and_unload())
    assert torch.allclose(ours, merged, atol=1e-5)


def test_a_row_of_a_batch_does_not_depend_on_the_others(folder):
    network = load.load_unet(folder / "members/00", device=CPU)
    whole = predict(network, np.concatenate([IMAGES] * 3))
    assert torch.equal(predict(network, IMAGES[:1])[0], whole[18])


def spoil(folder, change):
    """Write another adapter, as if it were meant."""
    own = folder / "members/00"
    tensors = load_file(own / names.ADAPTER_WEIGHTS)
    facts = json.loads((own / names.ADAPTER_CONFIG).read_text())
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


@pytest.mark.parametrize("name", names.member_files(adapter=True))
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
    whole = load_file(folder / "members/00" / names.ADAPTER_WEIGHTS)
    torch.save(whole, folder / "members/00/adapter_model.bin")
    (folder / "members/00" / names.ADAPTER_WEIGHTS).unlink()
    with pytest.raises(InputError, match="does not hold an adapter"):
        load.load_unet(folder / "members/00", device=CPU)


def test_a_change_by_hand():
    change = adapters.LowRank(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0], [-1.0]]), scale=0.5)
    weight = torch.tensor([[10.0, 20.0], [30.0, 40.0]])
    assert change(weight).tolist() == [[11.5, 23.0], [29.5, 39.0]]
