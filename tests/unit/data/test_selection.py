"""Which images are trained on and held out, and that they stay so."""

import numpy as np
import pytest
from encoded_ensembles.config.check import check_config
from encoded_ensembles.data import images as data
from encoded_ensembles.data import selection
from encoded_ensembles.data import source as source_
from encoded_ensembles.storage.files import InputError
from hypothesis import given
from hypothesis import strategies as st


def image_set(count=4, side=2):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, side, side, 1), dtype=np.uint8)
    names = np.array([f"x/{i}" for i in range(count)])
    return data.ImageSet(images, np.zeros(count, np.int64), np.array(["a"]), names)


def test_choice_depends_on_names_not_positions():
    source = source_.Source(image_set(40), np.zeros(40, bool), "", "")
    turn = np.random.default_rng(1).permutation(40)
    shuffled = source_.Source(source.all.take(turn), np.zeros(40, bool), "", "")
    chosen = selection.choose(source, images=10, heldout=5, spare=7, seed=0)
    again = selection.choose(shuffled, images=10, heldout=5, spare=7, seed=0)
    for a, b in zip(chosen, again, strict=True):
        assert source.all.names[a].tolist() == shuffled.all.names[b].tolist()
    assert [len(part) for part in chosen] == [10, 5, 7]
    assert len(np.unique(np.concatenate(chosen))) == 22


def test_official_test_part_is_never_trained_on():
    test = np.arange(40) >= 30
    training, heldout, _ = selection.choose(
        source_.Source(image_set(40), test, "", ""), images=None, heldout=4, spare=40, seed=0
    )
    assert len(training) == 30
    assert not test[training].any()
    assert test[heldout].all()


@pytest.mark.parametrize(
    ("images", "heldout", "message"),
    [
        (39, 5, "dataset.images is 39"),
        (1, 41, "dataset.heldout is 41"),
        (None, 40, "no image is left"),
    ],
)
def test_too_small_data_set(images, heldout, message):
    source = source_.Source(image_set(40), np.zeros(40, bool), "", "")
    with pytest.raises(InputError, match=message):
        selection.choose(source, images=images, heldout=heldout, spare=0, seed=0)


@given(st.sets(st.integers(0, 39)), st.integers(0, 12))
def test_an_image_that_comes_or_goes_moves_no_other(gone, come):
    """Held-out images stay held out, trained ones trained on, and those that come are trained on."""
    every = image_set(40 + come)
    before = source_.Source(every.take(np.arange(40)), np.zeros(40, bool), "", "")
    first = selection.choose(before, images=None, heldout=8, spare=0, seed=0)
    heldout = set(before.all.names[first.heldout])
    gone -= {40 - 1}  # one image at least stays trained on or held out
    stay = np.array([i for i in range(len(every)) if i not in gone])
    names = set(every.names[stay])
    after = source_.Source(every.take(stay), np.zeros(len(stay), bool), "", "")
    if len(stay) <= 8:
        return
    ledger = selection.to_ledger(before, first)
    second = selection.choose(after, images=None, heldout=8, spare=0, seed=0, ledger=ledger)
    assert heldout & names <= set(after.all.names[second.heldout])
    if not heldout - names:
        assert set(after.all.names[second.training]) == names - heldout


def test_a_ledger_of_the_same_images_changes_nothing():
    source = source_.Source(image_set(40), np.zeros(40, bool), "", "")
    first = selection.choose(source, images=10, heldout=5, spare=7, seed=0)
    ledger = selection.to_ledger(source, first)
    second = selection.choose(source, images=10, heldout=5, spare=7, seed=0, ledger=ledger)
    for a, b in zip(first, second, strict=True):
        assert a.tolist() == b.tolist()


def test_at_most_so_many_training_images_of_a_label():
    images = image_set(40)
    labels = np.repeat([0, 1, 2], [30, 8, 2])
    images = data.ImageSet(images.images, labels, np.array(["a", "b", "c"]), images.names)
    source = source_.Source(images, np.zeros(40, bool), "", "")
    chosen = selection.choose(source, images=None, heldout=0, spare=40, seed=0, per_label=5)
    assert np.bincount(labels[chosen.training]).tolist() == [5, 5, 2]
    assert len(chosen.spare) == 28
    whole = selection.choose(source, images=None, heldout=0, spare=0, seed=0)
    assert set(chosen.training) <= set(whole.training)
    with pytest.raises(InputError, match=r"at most 12: .*dataset.per_label exclude others"):
        selection.choose(source, images=13, heldout=0, spare=0, seed=0, per_label=5)


@pytest.mark.parametrize(
    ("count", "share", "number"), [(60, 0.2, 12), (200, 0.2, 40), (5, 0.2, 2), (10, 0.99, 10)]
)
def test_a_share_is_held_out(count, share, number):
    """Issue 14.18: of 60 pictures 48 are trained on, not 20."""
    source = source_.Source(image_set(count), np.zeros(count, bool), "", "")
    options = {"images": None, "spare": 0, "seed": 0}
    if number == count:
        with pytest.raises(InputError, match="no image is left to train on"):
            selection.choose(source, heldout=share, **options)
        return
    chosen = selection.choose(source, heldout=share, **options)
    assert len(chosen.heldout) == number
    assert len(chosen.training) == count - number
    same = selection.choose(source, heldout=number, **options)
    assert chosen.heldout.tolist() == same.heldout.tolist()


def test_a_share_is_of_the_test_part_where_there_is_one():
    source = source_.Source(image_set(40), np.arange(40) >= 30, "", "")
    chosen = selection.choose(source, images=None, heldout=0.5, spare=0, seed=0)
    assert len(chosen.heldout) == 5
    assert len(chosen.training) == 30


@pytest.mark.parametrize("count", [30, 39, 41, 60])
def test_a_share_of_more_or_fewer_images_moves_none_from_one_part_to_the_other(count):
    """Issue 14.18: new images make up a larger share."""
    every = image_set(60)
    before = source_.Source(every.take(np.arange(40)), np.zeros(40, bool), "", "")
    first = selection.choose(before, images=None, heldout=0.2, spare=0, seed=0)
    after = source_.Source(every.take(np.arange(count)), np.zeros(count, bool), "", "")
    ledger = selection.to_ledger(before, first)
    second = selection.choose(after, images=None, heldout=0.2, spare=0, seed=0, ledger=ledger)
    held, trained = set(first.heldout), set(first.training)
    assert not set(second.training) & held
    assert not set(second.heldout) & trained
    assert len(second.heldout) == (
        round(0.2 * count) if count > 40 else len(held & {*range(count)})
    )


@pytest.mark.parametrize(
    ("dataset", "heldout"),
    [
        ({}, 512),
        ({"heldout": 16.0}, 16),
        ({"heldout": 0.25}, 0.25),
        ({"heldout": "0.25"}, 0.25),  # as Snakemake's --config gives it
        ({"name": "folder", "path": "p", "size": 8}, 0.2),
        ({"name": "folder", "path": "p", "size": 8, "heldout": 40}, 40),
    ],
)
def test_what_is_held_out_by_default(schema, dataset, heldout):
    """Issue 14.18: a fifth of one's own pictures, whatever their number."""
    found = check_config({"dataset": dataset}, schema)["dataset"]["heldout"]
    assert (found, type(found)) == (heldout, type(heldout))


def test_images_trained_on_before_stay_so_when_only_some_are():
    """Issue 14.28: an image that comes displaces none of the 20 that are trained on."""
    every = image_set(80)
    no_test = np.zeros(80, bool)
    before = source_.Source(every.take(np.arange(40)), no_test[:40], "", "")
    first = selection.choose(before, images=20, heldout=8, spare=0, seed=0)
    ledger = selection.to_ledger(before, first)
    after = source_.Source(every, no_test, "", "")
    second = selection.choose(after, images=20, heldout=8, spare=0, seed=0, ledger=ledger)
    for one, two in zip(first[:2], second[:2], strict=True):
        assert before.all.names[one].tolist() == every.names[two].tolist()
    without = selection.choose(after, images=20, heldout=8, spare=0, seed=0)
    assert set(without.training) != set(second.training)  # chance alone would not have kept them
    gone = first.training[:5]
    fewer = source_.Source(every.take(np.setdiff1d(np.arange(80), gone)), no_test[:75], "", "")
    third = selection.choose(fewer, images=20, heldout=8, spare=0, seed=0, ledger=ledger)
    stay = set(before.all.names[first.training[5:]])
    assert stay < set(fewer.all.names[third.training])


def test_the_seed_decides_which_images_are_chosen():
    source = source_.Source(image_set(40), np.zeros(40, bool), "", "")
    one, two = (selection.choose(source, images=10, heldout=5, spare=7, seed=s) for s in (0, 1))
    for first, second in zip(one, two, strict=True):
        assert set(first) != set(second)
