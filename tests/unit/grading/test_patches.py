"""Attribution by patches: against loops, and laws of the shares."""

import numpy as np
import pytest
from encoded_ensembles.data.images import to_signed
from encoded_ensembles.grading import patches


@pytest.fixture
def pictures():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (7, 6, 9, 2), np.uint8)
    return rng.uniform(-1, 1, (3, 2, 6, 9)).astype(np.float32), images


def by_loops(sample, images):
    """The shares of one sample, patch by patch and level by level."""
    x, (height, width) = to_signed(images).astype(np.float64), sample.shape[1:]
    rows = []
    for size in patches.patch_sizes(min(height, width)):
        half, stride = size // 2, max(1, size // 2)
        of_size = []
        for top in range(0, height, stride):
            for left in range(0, width, stride):
                ys = slice(max(0, top - half), top + half + 1)
                xs = slice(max(0, left - half), left + half + 1)
                square = np.square(x[:, :, ys, xs] - sample[:, ys, xs]).sum(axis=(1, 2, 3))
                for level in range(50, 1000, 100):
                    signal = np.prod(1 - np.linspace(1e-4, 0.02, 1000)[: level + 1])
                    weight = np.exp(-(square - square.min()) * signal / (1 - signal) / 2)
                    of_size.append(weight / weight.sum())
        rows.append(np.mean(of_size, axis=0))
    return np.mean(rows, axis=0)


def test_shares_are_those_of_loops(pictures, monkeypatch):
    samples, images = pictures
    expected = np.stack([by_loops(sample, images) for sample in samples])
    assert np.allclose(list(patches.patch_shares(samples, images)), expected, rtol=1e-6)
    monkeypatch.setattr(patches, "HELD", samples[0].size * 2)  # two images at once
    assert np.allclose(list(patches.patch_shares(samples, images)), expected, rtol=1e-6)


def test_a_sample_that_is_an_image_is_that_images_unit(pictures):
    samples, images = pictures
    samples[1] = to_signed(images[4:5])[0]
    scores = patches.patch_scores(samples, images, np.array([0, 1, 2, 0, 1, 2, 3]))
    assert scores.shape == (4, 3)
    assert np.allclose(scores.sum(axis=0), 1)
    assert scores[:, 1].argmax() == 1
    alone = patches.patch_scores(samples[1:2], images, np.arange(7))
    assert alone.argmax() == 4
    assert scores[1, 1] == pytest.approx(alone[1, 0] + alone[4, 0])


def test_patches_of_digits_by_hand():
    """8x8: widths 3, 5 and 15; 64, 16 and 4 patches, 1, 2 and 7 pixels apart."""
    assert patches.patch_sizes(8) == [3, 5, 15]
    assert patches.patch_count((1, 8, 8)) == 64 + 16 + 4
