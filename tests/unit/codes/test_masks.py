"""Keep masks: which members stay."""

from pathlib import Path

import numpy as np
from encoded_ensembles.codes import masks as keep
from encoded_ensembles.commands import sample_frechet
from encoded_ensembles.ensemble import engine

WORDS = np.array([[1, 1, 0, 0], [0, 1, 1, 0]], bool)


def test_ablation_drops_the_members_that_saw_the_unit():
    assert keep.ablation_keep(WORDS).astype(int).tolist() == [[0, 0, 1, 1], [1, 0, 0, 1]]
    assert keep.set_keep(WORDS).astype(int).tolist() == [0, 0, 0, 1]


def test_kept_sizes_by_hand():
    assert keep.kept_sizes(members=12, weight=6, wanted=None) == [1, 2, 3, 6, 9, 12]
    assert keep.kept_sizes(members=12, weight=6, wanted=[4]) == [1, 4, 6, 12]
    assert keep.kept_sizes(members=2, weight=1, wanted=None) == [1, 2]


def test_masks_of_given_sizes_follow_from_the_seed():
    """Issue 14.28: another seed draws other masks, of the same sizes."""
    options = {"members": 12, "sizes": [1, 6, 12], "repeats": 5}
    first, again, other = (keep.sized_keep(seed=seed, **options) for seed in (0, 0, 1))
    assert first.sum(axis=1).tolist() == [1] * 5 + [6] * 5 + [12]
    assert len(np.unique(first, axis=0)) == 11
    assert np.array_equal(first, again)
    assert not np.array_equal(first[5:10], other[5:10])
    few = keep.sized_keep(members=3, sizes=[2], repeats=9, seed=0)
    assert sorted(few.astype(int).tolist()) == [[0, 1, 1], [1, 0, 1], [1, 1, 0]]


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
