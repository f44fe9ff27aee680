"""Samples for Frechet distances: their keep masks are divided into blocks."""

import weakref
from pathlib import Path

import numpy as np
import pytest
from encoded_ensembles.commands import sample_frechet, score_frechet
from encoded_ensembles.data import images
from encoded_ensembles.ensemble import engine, sampling
from encoded_ensembles.members.latents import PIXELS
from encoded_ensembles.storage import files

FOLDERS = [Path(f"{m:02d}") for m in range(6)]
OPTIONS = {"noise": Path("noise"), "full": Path("full"), "kept": "1,3,6", "repeats": 4, "seed": 1}


@pytest.fixture
def prepared(monkeypatch):
    """An engine of two samples of 2x2, without networks."""
    made = {"noise": np.zeros((1, 2, 1, 2, 2)), "space": PIXELS}
    monkeypatch.setattr(engine, "prepare", lambda *_, **__: made)


def test_blocks_of_masks_are_the_whole_and_each_mask_is_in_one(prepared, monkeypatch, tmp_path):
    """Issue 14.28: the masks of a Frechet distance are shared out among the jobs."""
    drawn = []

    def sampled(keep, **_):
        drawn.extend(map(tuple, keep.tolist()))
        return [np.zeros((len(keep), 2, 1, 2, 2), np.float32)]

    monkeypatch.setattr(sampling, "sample_groups", sampled)
    masks = []
    for blocks in (1, 3, 12):
        drawn.clear()
        for number in range(1, blocks + 1):
            sample_frechet.sample_frechet(
                FOLDERS, block=f"{number}-of-{blocks}", output=tmp_path / "a.npz", **OPTIONS
            )  # fmt: skip
        masks.append(sorted(drawn))
    assert masks[0] == masks[1] == masks[2]
    assert len(set(masks[0])) == 4 + 4 + 1 + 1
    assert sorted(sum(mask) for mask in masks[0]) == [1] * 5 + [3] * 4 + [6]


def test_images_are_those_of_all_samples_and_groups_are_not_kept(prepared, monkeypatch, tmp_path):
    """The ten masks in groups of at most three; the last group is gone when the next is drawn."""
    values = np.random.default_rng(0).uniform(-1.1, 1.1, (10, 2, 1, 2, 2)).astype(np.float32)
    kept = []

    def sampled(keep, **_):
        for start in range(0, len(keep), 3):
            assert not any(group() is not None for group in kept[:-1])
            group = values[start : start + 3].copy()
            kept.append(weakref.ref(group))
            yield group

    monkeypatch.setattr(sampling, "sample_groups", sampled)
    output = tmp_path / "a.npz"
    sample_frechet.sample_frechet(FOLDERS, block="1-of-1", output=output, **OPTIONS)
    expected = np.stack([images.to_bytes(each) for each in values])
    assert np.array_equal(files.read_arrays(output)["images"], expected)
    sample_frechet.sample_frechet(FOLDERS, block="11-of-11", output=output, **OPTIONS)
    assert not len(files.read_arrays(output)["images"])


def test_one_block_of_samples_is_in_memory(monkeypatch):
    """A block is gone when the next one is read, while a set of it is still scored."""
    read = []

    def one(_):
        assert not any(block() is not None for block in read)
        drawn = np.arange(6, dtype=np.uint8).reshape(2, 3)
        read.append(weakref.ref(drawn))
        return {"keep": np.array([[True, True, False], [False, False, True]]), "images": drawn}

    monkeypatch.setattr(files, "read_arrays", one)
    sets = []
    for name, drawn in score_frechet._sets([Path("a"), Path("b")], 1):
        sets.append((*name[:2], drawn.tolist()))
    assert sets == [("factual", 2, [0, 1, 2]), ("full", 0, [3, 4, 5])] * 2
    assert len(read) == 2
