"""From files to samples: members and noise of a folder, and options out of range."""

import numpy as np
import pytest
import torch
from encoded_ensembles.ensemble import engine, noise, sampling
from encoded_ensembles.members import network
from encoded_ensembles.storage import files

CPU = torch.device("cpu")
KEEP = np.array([[True, False], [True, True]])


@pytest.fixture
def written(tmp_path):
    """Two untrained members in folders, their noise in a file, and both in memory."""
    config = network.unet_config(shape=(1, 8, 8), widths=[8], layers_per_block=1, attention=False)
    members = [network.build_unet(config, seed=seed).eval() for seed in range(2)]
    folders = [tmp_path / f"{number:02d}" for number in range(2)]
    for member, folder in zip(members, folders, strict=True):
        network.save_network(member, folder)
    drawn = noise.draw_noise(steps=3, samples=2, shape=(1, 8, 8), seed=0)
    files.write_tensors(tmp_path / "noise.safetensors", {"noise": drawn})
    return folders, tmp_path / "noise.safetensors", members, drawn


def test_samples_from_files_are_those_of_the_members_in_memory(written):
    folders, file, members, drawn = written
    found = engine.sample_rows(folders, KEEP, file, label="x", scheduler="ddim", device="cpu")
    expected = sampling.sample(members, keep=KEEP, noise=drawn, sampler="ddim", device=CPU)
    assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"scheduler": "euler"}, "--scheduler is euler, expected ddpm or"),
        ({"batch": 0}, "--batch is 0, expected at least 1"),
        ({"precision": "float8"}, "--precision is float8, expected float32 or bfloat16 or float16"),
    ],
)
def test_options_out_of_range_are_refused(written, options, said):
    folders, file, *_ = written
    with pytest.raises(files.InputError, match=said):
        engine.prepare(folders, file, label="x", device="cpu", **{"scheduler": "ddpm"} | options)


def test_a_code_of_other_members_is_refused(written):
    folders, *_ = written
    assert engine.check_columns(KEEP, folders) is KEEP
    with pytest.raises(files.InputError, match="1 members were given, but the code has 2 columns"):
        engine.check_columns(KEEP, folders[:1])
