"""Memory: bounded where it is cheap, and asked for as the configuration says."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from encoded_ensembles import files, noise
from encoded_ensembles.commands.noise import draw_noise
from encoded_ensembles.data import ImageSet, write_images
from encoded_ensembles.randomness import Purpose, generator


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


def test_a_long_table_has_the_bytes_of_one_string(tmp_path):
    """Issue 14.10: a CSV is written some rows at a time."""
    rows = 120_000  # pandas writes 100,000 values at a time
    table = pd.DataFrame({"a": np.arange(rows) / 7, "name": [f"ü,{i}" for i in range(rows)]})
    files.write_table(tmp_path / "t.parquet", table)
    text = table.to_csv(index=False).encode()
    assert hashlib.sha256(text).hexdigest() == files.sha256_file(tmp_path / "t.csv")
