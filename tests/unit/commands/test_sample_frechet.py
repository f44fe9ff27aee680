"""Samples for Frechet distances: their keep masks are divided into blocks."""

from pathlib import Path

import numpy as np
from encoded_ensembles.commands import sample_frechet
from encoded_ensembles.ensemble import engine


def test_blocks_of_masks_are_the_whole_and_each_mask_is_in_one(monkeypatch, tmp_path):
    """Issue 14.28: the masks of a Frechet distance are shared out among the jobs."""
    drawn = []

    def sampled(folders, keep, *_, **__):
        drawn.extend(map(tuple, keep.tolist()))
        return np.zeros((len(keep), 2, 1, 2, 2), np.float32)

    monkeypatch.setattr(engine, "sample_rows", sampled)
    folders = [Path(f"{m:02d}") for m in range(6)]
    options = {"full": Path("full"), "kept": "1,3,6", "repeats": 4, "seed": 1}
    masks = []
    for blocks in (1, 3, 12):
        drawn.clear()
        for number in range(1, blocks + 1):
            sample_frechet.sample_frechet(
                folders, noise=Path("noise"), block=f"{number}-of-{blocks}",
                output=tmp_path / "a.npz", **options,
            )  # fmt: skip
        masks.append(sorted(drawn))
    assert masks[0] == masks[1] == masks[2]
    assert len(set(masks[0])) == 4 + 4 + 1 + 1
    assert sorted(sum(mask) for mask in masks[0]) == [1] * 5 + [3] * 4 + [6]
