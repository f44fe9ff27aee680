"""Keep masks: which members stay."""

import numpy as np
from encoded_ensembles.codes import encode, masks
from encoded_ensembles.codes.families import Family

WORDS = np.array([[1, 1, 0, 0], [0, 1, 1, 0]], bool)
NAMES = [f"image/{i:05d}" for i in range(3000)]


def test_ablation_drops_the_members_that_saw_the_unit():
    assert masks.ablation_keep(WORDS).astype(int).tolist() == [[0, 0, 1, 1], [1, 0, 0, 1]]
    assert masks.set_keep(WORDS).astype(int).tolist() == [0, 0, 0, 1]


def test_kept_sizes_by_hand():
    assert masks.kept_sizes(members=12, weight=6, wanted=None) == [1, 3, 6, 12]
    assert masks.kept_sizes(members=12, weight=6, wanted=[4]) == [1, 4, 6, 12]
    assert masks.kept_sizes(members=2, weight=1, wanted=None) == [1, 2]


def test_masks_of_given_sizes_follow_from_the_seed():
    """Issue 14.28: another seed draws other masks, of the same sizes."""
    options = {"members": 12, "sizes": [1, 6, 12], "repeats": 5}
    first, again, other = (masks.sized_keep(seed=seed, **options) for seed in (0, 0, 1))
    assert first.sum(axis=1).tolist() == [1] * 5 + [6] * 5 + [12]
    assert len(np.unique(first, axis=0)) == 11
    assert np.array_equal(first, again)
    assert not np.array_equal(first[5:10], other[5:10])
    few = masks.sized_keep(members=3, sizes=[2], repeats=9, seed=0)
    assert sorted(few.astype(int).tolist()) == [[0, 1, 1], [1, 0, 1], [1, 1, 0]]


def test_ablation_keeps_who_never_saw_the_unit():
    code, _, _ = encode.encode(NAMES[:70], Family("random", 8, 4), null_words=0, seed=0)
    kept = masks.ablation_keep(code)
    assert not (kept & code).any(axis=1).any()
    both = masks.set_keep(code[[3, 5]])
    assert (both == kept[3] & kept[5]).all()


def test_sized_keep():
    kept = masks.sized_keep(members=5, sizes=[1, 3, 5], repeats=7, seed=0)
    assert kept.sum(axis=1).tolist() == [1] * 5 + [3] * 7 + [5]
    assert len(np.unique(kept, axis=0)) == 13


def test_kept_sizes():
    assert masks.kept_sizes(members=10, weight=5, wanted=None) == [1, 3, 5, 10]
    assert masks.kept_sizes(members=4, weight=1, wanted=[2]) == [1, 2, 3, 4]
    assert masks.kept_sizes(members=2, weight=1, wanted=None) == [1, 2]
