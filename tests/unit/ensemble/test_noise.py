"""Exogenous noise follows from the seed and the number of the sample."""

import numpy as np
import pytest
import torch
from encoded_ensembles.commands.draw_noise import draw_noise
from encoded_ensembles.data.images import ImageSet, write_images
from encoded_ensembles.ensemble import noise, step_noise
from encoded_ensembles.members import network
from encoded_ensembles.randomness import Purpose, generator
from encoded_ensembles.storage import files, large_tensors
from encoded_ensembles.storage.files import InputError


def test_each_seed_has_noise_of_its_own():
    """Issue 14.28: sampling.seed decides."""
    options = {"steps": 2, "samples": 3, "shape": (1, 4, 4)}
    first, other = (noise.draw_noise(seed=seed, **options) for seed in (0, 1))
    assert first.dtype == np.float32
    assert np.array_equal(first, noise.draw_noise(seed=0, **options))
    assert (first != other).mean() > 0.99
    assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 0.4


def test_more_steps_leave_the_start_of_each_sample():
    short, long = (
        noise.draw_noise(steps=steps, samples=2, shape=(1, 4, 4), seed=0) for steps in (2, 5)
    )
    assert np.array_equal(short, long[:3])


def test_noise_of_another_shape_is_refused():
    config = network.unet_config(shape=(1, 8, 8), widths=[8], layers_per_block=1, attention=False)
    member = network.build_unet(config, seed=0)
    noise.check_noise(np.zeros((3, 2, 1, 8, 8)), member)
    with pytest.raises(InputError, match=r"the noise is for \(3, 8, 8\).*expected \(1, 8, 8\)"):
        noise.check_noise(np.zeros((3, 2, 3, 8, 8)), member)


def drawn_at_once(*, steps, samples, shape, seed):
    """The exogenous noise of all steps of one sample after the other, all held."""
    draws = [
        generator(seed=seed, purpose=Purpose.SAMPLING, key=sample).standard_normal(
            (steps + 1, *shape), dtype=np.float32
        )
        for sample in range(samples)
    ]
    return np.stack(draws, axis=1)


@pytest.mark.parametrize("held", [1, 40, 2**23])
@pytest.mark.parametrize("shape", [(1, 3, 3), (3, 4, 4)])
def test_noise_is_the_same_however_many_steps_are_drawn_at_once(tmp_path, monkeypatch, held, shape):
    """Issue 14.10: the file of noise keeps its bytes, and no longer lies in memory whole."""
    monkeypatch.setattr(noise, "HELD", held)
    channels, side, _ = shape
    images = np.zeros((2, side, side, channels), np.uint8)
    labels = np.zeros(2, np.int64)
    write_images(
        tmp_path / "data.npz", ImageSet(images, labels, np.array(["x"]), np.array(["a", "b"]))
    )
    draw_noise(tmp_path / "data.npz", tmp_path / "noise.safetensors", samples=3, steps=5, seed=7)
    known = drawn_at_once(steps=5, samples=3, shape=shape, seed=7)
    files.write_tensors(tmp_path / "known", {"noise": known})
    assert (tmp_path / "noise.safetensors").read_bytes() == (tmp_path / "known").read_bytes()
    again = noise.draw_noise(steps=5, samples=3, shape=shape, seed=7)
    assert again.tobytes() == known.tobytes()


def test_noise_is_held_a_few_steps_at_a_time():
    """Issue 14.10: 512 samples of 32x32 in colour take 6 GB for 1000 steps, and 13 MB at once here."""
    parts = noise.noise_steps(steps=1000, samples=512, shape=(3, 32, 32), seed=0)
    assert next(parts).nbytes <= 4 * noise.HELD


def test_noise_of_a_file_is_read_step_by_step(tmp_path):
    """Issue 16.4: all steps take several GB for a Frechet distance."""
    drawn = noise.draw_noise(steps=2, samples=3, shape=(1, 4, 4), seed=0)
    files.write_tensors(tmp_path / "noise.safetensors", {"noise": drawn})
    stored = large_tensors.LargeTensor(tmp_path / "noise.safetensors", "noise")
    for given in (drawn, stored):
        steps = step_noise.StepNoise(given, torch.device("cpu"))
        assert len(steps) == 3
        assert all(np.array_equal(steps[k].numpy(), drawn[k]) for k in (2, 0, 1))
    there = step_noise.StepNoise(stored, torch.device("meta"))
    assert len(there) == 3
    assert there[1].shape == drawn.shape[1:]
    assert there[1].device.type == "meta"
