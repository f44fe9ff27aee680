"""Laws of training adapters: only the adapter is trained, and its bytes are the same."""

import dataclasses

import pytest
import torch
from encoded_ensembles.members import adapter_training, checkpoint, names, training
from encoded_ensembles.storage.files import InputError
from safetensors.numpy import load_file
from small_adapters import (
    CPU,
    IMAGES,
    NAMES,
    RECIPE,
    adapter,
    build,
    same,
    save,
    trained,
    weights,
    write_folder,
)


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path)


def test_training_changes_the_adapter_alone():
    before = weights(adapter())
    after = weights(trained())
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {name for name in before if "lora_" in name}


def test_the_files_are_the_same_each_time(folder):
    save(trained(), folder / "again")
    for name in names.member_files(adapter=True):
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


def test_bfloat16():
    trained(recipe=dataclasses.replace(RECIPE, precision="bfloat16"))
