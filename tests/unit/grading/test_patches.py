"""Attribution by patches: against loops, and laws of the shares."""

import numpy as np
import pytest
import torch
from encoded_ensembles.data.images import resize, to_bytes, to_signed
from encoded_ensembles.grading import patches

CPU = torch.device("cpu")


@pytest.fixture
def pictures():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (5, 6, 9, 2), np.uint8)
    sample = rng.uniform(-1, 1, (2, 6, 9)).astype(np.float32)
    return sample, rng.normal(size=(2, 6, 9)).astype(np.float32), images


def window(top, left, width, shape):
    """The slices of a patch, and how far the border cuts it."""
    half = width // 2
    edges = (top - half, shape[0] - top - half - 1, left - half, shape[1] - left - half - 1)
    cut = tuple(min(0, edge) for edge in edges)
    rows = slice(max(0, top - half), top + half + 1)
    return (slice(None), rows, slice(max(0, left - half), left + half + 1)), cut


def by_loops(sample, noise, images):
    """The shares of one sample, setting by setting, patch by patch, image by image, place by place."""
    x, shape = to_signed(images).astype(np.float64), sample.shape[1:]
    places = [(top, left) for top in range(shape[0]) for left in range(shape[1])]
    settings = []
    for level, width in patches.patch_settings(min(shape)):
        signal = np.prod(1 - np.linspace(1e-4, 0.02, 1000)[: level + 1])
        noisy = np.sqrt(signal) * sample + np.sqrt(1 - signal) * noise
        stride, shares = max(1, width // 2), []
        for top, left in places:
            if top % stride or left % stride:
                continue
            seen, cut = window(top, left, width, shape)
            logits = np.full((len(x), len(places)), -np.inf)
            for number, place in enumerate(places):
                there, other = window(*place, width, shape)
                if other == cut:
                    square = np.square(np.sqrt(signal) * x[:, *there] - noisy[seen])
                    logits[:, number] = -square.sum(axis=(1, 2, 3)) / (2 * (1 - signal))
            weight = np.exp(logits - logits.max())
            shares.append(weight.sum(axis=1) / weight.sum())
        settings.append(np.mean(shares, axis=0))
    return np.stack(settings)


def test_shares_are_those_of_loops(pictures, monkeypatch):
    expected = by_loops(*pictures)
    found = patches.patch_shares(*pictures, device=CPU)
    assert found.shape == (len(patches.patch_settings(6)), 5)
    assert np.allclose(found, expected, rtol=1e-3, atol=1e-6)
    monkeypatch.setattr(patches, "PAIRS", 1)  # one image at once
    assert np.allclose(patches.patch_shares(*pictures, device=CPU), found, rtol=1e-3, atol=1e-6)


def test_a_patch_counts_wherever_it_is_in_an_image():
    """A square, somewhere else in the only image that has one; neither touches the border."""
    images = np.zeros((3, 12, 12, 1), np.uint8)
    images[1, 7:9, 6:8] = 255
    sample = np.full((1, 12, 12), -1, np.float32)
    sample[:, 3:5, 4:6] = 1
    shares = patches.patch_shares(sample, np.zeros_like(sample), images, device=CPU)
    settings = patches.patch_settings(12)
    small, whole = settings.index((100, 3)), settings.index((100, 23))
    assert shares[small, 1] > shares[small, 0] == pytest.approx(shares[small, 2])
    assert shares[whole, 1] < 0.01  # as a whole it is the image most unlike


def test_large_images_are_compared_at_32_pixels():
    """With the settings and the scores of images that were resized beforehand."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4, 48, 48, 3), np.uint8)
    samples = to_signed(rng.integers(0, 256, (2, 48, 48, 3), np.uint8))
    small = [resize(given, size=32, channels=None) for given in (images, to_bytes(samples))]
    unit_of = np.array([0, 1, 2, 1])
    found, expected = (
        patches.patch_scores(*given, unit_of, seed=0, device=CPU)
        for given in ((samples, images), (to_signed(small[1]), small[0]))
    )
    assert np.array_equal(found, expected)
    assert patches.patch_settings(48) == patches.patch_settings(32)
    assert patches.patch_count((3, 48, 48)) == patches.patch_count((3, 32, 32))


def test_a_sample_that_is_an_image_is_that_images_unit(pictures):
    sample, _, images = pictures
    samples = np.stack([sample, to_signed(images[4:5])[0]])
    unit_of = np.array([0, 1, 2, 0, 1])
    scores = patches.patch_scores(samples, images, unit_of, seed=0, device=CPU)
    assert scores.shape == (len(patches.patch_settings(6)), 3, 2)
    assert np.allclose(scores.sum(axis=1), 1)
    single = patches.patch_scores(samples, images, np.arange(5), seed=0, device=CPU)
    low = [level < 500 for level, _ in patches.patch_settings(6)]
    assert (single[low, :, 1].argmax(axis=1) == 4).all()
    assert np.allclose(scores[:, 1], single[:, 1] + single[:, 4])
    alone = patches.patch_scores(samples[:1], images, unit_of, seed=0, device=CPU)
    assert np.array_equal(alone[:, :, 0], scores[:, :, 0])


def test_patches_of_digits_by_hand():
    """8x8: widths 3, 5 and 15; 64, 16 and 4 patches, 1, 2 and 7 pixels apart."""
    assert patches.patch_widths(8) == [3, 5, 15]
    assert patches.patch_count((1, 8, 8)) == 64 + 16 + 4
    assert len(patches.patch_settings(8)) == 3 * len(patches.LEVELS)
