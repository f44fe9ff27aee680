"""Units and splits."""

import numpy as np
import pandas as pd
import pytest
from encoded_ensembles.codes import splits
from encoded_ensembles.commands.options.training import Training
from encoded_ensembles.commands.split_controls import split_controls
from encoded_ensembles.commands.split_heldout import split_heldout
from encoded_ensembles.commands.split_members import split_members
from encoded_ensembles.commands.train_member import training_facts, training_key
from encoded_ensembles.data import images as data
from encoded_ensembles.data import units
from encoded_ensembles.data.captions import Caption, caption_table
from encoded_ensembles.storage.files import (
    InputError,
    read_arrays,
    read_facts,
    write_arrays,
    write_table,
)
from hypothesis import given
from hypothesis import strategies as st

IMAGES = data.ImageSet(
    np.arange(24, dtype=np.uint8).reshape(6, 2, 2, 1),
    np.array([0, 1, 0, 1, 2, 2]),
    np.array(["a", "b", "c"]),
    np.array([f"x/{i}" for i in range(6)]),
)
CODE = np.array([[1, 0], [0, 1], [1, 0]], bool)


@given(st.sets(st.integers(0, 500)))
def test_ranges_round_trip(numbers):
    index = np.array(sorted(numbers), np.int64)
    assert splits.from_ranges(splits.to_ranges(index)).tolist() == index.tolist()


def test_ranges_by_hand():
    assert splits.to_ranges(np.array([0, 1, 2, 5])) == "0-2 5"


def test_split_holds_the_images_of_its_units():
    unit_of = units.assign_units(IMAGES, units.Grouping("label")).unit_of
    split = splits.make_split(IMAGES, unit_of=unit_of, seen=CODE[:, 0])
    assert split.rows.tolist() == [0, 2, 4, 5]
    full = splits.make_split(IMAGES, unit_of=unit_of, seen=np.ones(3, bool))
    assert full.rows.tolist() == list(range(6))
    manifest = splits.to_manifest(split, member="00")
    assert splits.select(IMAGES, manifest).names.tolist() == ["x/0", "x/2", "x/4", "x/5"]


def test_digest_follows_the_images_not_their_positions():
    turn = np.array([3, 2, 1, 0, 5, 4])
    moved = IMAGES.take(turn)
    digests = [
        splits.make_split(
            each,
            unit_of=units.assign_units(each, units.Grouping("label")).unit_of,
            seen=CODE[:, 1],
        ).digest
        for each in (IMAGES, moved)
    ]
    assert digests[0] == digests[1]


def test_select_refuses_other_images():
    unit_of = units.assign_units(IMAGES, units.Grouping("label")).unit_of
    split = splits.make_split(IMAGES, unit_of=unit_of, seen=CODE[:, 0])
    manifest = splits.to_manifest(split, member="0")
    with pytest.raises(InputError, match="make the split again"):
        splits.select(IMAGES.take(np.array([1, 0, 2, 3, 4, 5])), manifest)
    with pytest.raises(InputError, match="names image 5, but the image set has 3"):
        splits.select(IMAGES.take(np.arange(3)), manifest)


def test_manifest_of_a_large_set_stays_under_a_megabyte():
    index = np.flatnonzero(np.random.default_rng(0).random(162_770) < 0.5)
    assert len(splits.to_ranges(index)) < 1_000_000


def test_labels_digest_is_of_which_image_has_which_label():
    digest = splits.labels_digest(IMAGES)
    turn = np.array([3, 1, 2, 0, 5, 4])
    assert splits.labels_digest(IMAGES.take(turn)) == digest
    renumbered = data.ImageSet(
        IMAGES.images, 2 - IMAGES.labels, IMAGES.label_names[::-1], IMAGES.names
    )
    assert splits.labels_digest(renumbered) == digest
    other = data.ImageSet(IMAGES.images, IMAGES.labels[turn], IMAGES.label_names, IMAGES.names)
    assert splits.labels_digest(other) != digest


def splitting(folder, member, images=IMAGES, unit_of=(0, 1, 0, 1, 2, 2), **options):
    """Split as the verb does, and return the text of a member's digest file."""
    data.write_images(folder / "data.npz", images)
    write_arrays(folder / "code.npz", {"code": CODE, "unit_of": np.array(unit_of)})
    files = [folder / name for name in ("data.npz", "code.npz")]
    split_members(*files, folder, **options)
    return (folder / f"{member}.sha256").read_text()


def of_labels(label_names):
    """Return the images, of which the last two get the last label, under other names of labels."""
    labels = np.array([0, 1, 0, 1, 2, 2])
    labels[4:] = len(label_names) - 1
    return data.ImageSet(IMAGES.images, labels, np.array(label_names), IMAGES.names)


def test_a_new_label_changes_the_splits_of_all_members_conditioned_on_labels(tmp_path):
    """Members have to agree on the number of each label, also those that see no image of a new one."""
    before = of_labels(["ant", "cat", "dog"])
    added = data.ImageSet(
        before.images, np.array([0, 2, 0, 2, 3, 3]), np.array(["ant", "bee", "cat", "dog"]), before.names
    )  # fmt: skip
    for member in ("00", "01", splits.FULL):
        first, other = (splitting(tmp_path, member, each, classes=True) for each in (before, added))
        assert first != other
        assert first.splitlines()[0] == other.splitlines()[0]
        plain = [splitting(tmp_path, member, each) for each in (before, added)]
        assert plain == [first.splitlines()[0] + "\n"] * 2


def test_the_digest_of_classes_depends_on_the_order_of_label_names():
    held = of_labels(["a", "b", "c"])
    swapped = data.ImageSet(held.images, 2 - held.labels, held.label_names[::-1], held.names)
    assert splits.labels_digest(held) == splits.labels_digest(swapped)
    assert splits.classes_digest(held) != splits.classes_digest(swapped)
    assert splits.classes_digest(held) == splits.classes_digest(
        held.take(np.array([3, 1, 2, 0, 5, 4]))
    )


def test_the_facts_of_training_hold_all_label_names():
    seen = of_labels(["ant", "cat", "dog"]).take(np.array([0, 2]))
    renamed = data.ImageSet(seen.images, seen.labels, np.array(["ant", "bee", "cat"]), seen.names)
    split = {"member": "0", "digest": ""}
    size = {"widths": "8", "layers_per_block": 1, "epochs": 1, "steps_per_epoch": 1}
    keys = {}
    for classes in (False, True):
        training = Training(classes=classes, learning_rate=1e-3, ema=0.9, **size)
        keys[classes] = [
            training_key(training_facts(each, split=split, training=training))
            for each in (seen, renamed)
        ]
    assert keys[False][0] == keys[False][1]
    assert keys[True][0] != keys[True][1]


def test_the_digest_covers_captions_of_the_split_alone(tmp_path):
    """The captions of other images do not train a member again."""
    texts = ["a", "b", "c", "d", "e", "f"]
    digests = []
    for last in ("f", "another"):  # of an image that member 1 does not see
        table = caption_table(
            {"training": IMAGES.names},
            {name: Caption(text, True) for name, text in zip(IMAGES.names, [*texts[:5], last], strict=True)},
        )  # fmt: skip
        write_table(tmp_path / "captions.parquet", table)
        digests.append(splitting(tmp_path, "01", captions=tmp_path / "captions.parquet"))
    assert digests[0] == digests[1]
    named = [f"x/{image}\0{text}" for image, text in ((1, "b"), (3, "d"))]
    assert digests[0].splitlines()[1] == data.set_digest(named)


def rows(folder, name):
    """Return the network and the images of a split that was written."""
    manifest = read_facts(folder / f"{name}.json")
    return manifest["member"], splits.from_ranges(manifest["images"]).tolist()


def test_splits_of_all_networks_by_hand(tmp_path):
    """Three units, of images 0 and 2, 1 and 3, 4 and 5; member 00 sees the first and the last unit, member 01 the second."""
    splitting(tmp_path, splits.FULL)
    assert rows(tmp_path, "00") == ("00", [0, 2, 4, 5])
    assert rows(tmp_path, "01") == ("01", [1, 3])
    assert rows(tmp_path, splits.FULL) == (splits.FULL, list(range(6)))
    files = [tmp_path / name for name in ("data.npz", "code.npz")]
    write_table(tmp_path / "controls.parquet", pd.DataFrame({"unit": [2, 1]}))
    split_controls(*files, tmp_path / "controls.parquet", tmp_path / "splits")
    assert rows(tmp_path / "splits", "control.0.0") == ("00", [0, 2])
    assert rows(tmp_path / "splits", "control.1.0") == ("01", [])
    names = np.array(["a", "b", "c"])
    write_arrays(files[1], {**read_arrays(files[1]), "unit_names": names})
    split_heldout(*files, 2, 0.5, 3, tmp_path / "halves")
    assert len(list((tmp_path / "halves").iterdir())) == 4
    for model in range(2):
        half = splits.random_half(names, share=0.5, model=model, seed=3)
        images = np.flatnonzero(half[[0, 1, 0, 1, 2, 2]]).tolist()
        assert rows(tmp_path / "halves", f"heldout.{model}") == (f"heldout {model}", images)


def test_code_and_images_of_two_runs_are_told_apart(tmp_path):
    """Issue 14.17: they do not belong together where they are of different numbers of images."""
    with pytest.raises(InputError, match=r"code of 3 images and .* holds 6, expected both from"):
        splitting(tmp_path, "00", unit_of=range(3))
    with pytest.raises(InputError, match=r"data.npz holds .*, expected unit_of in it"):
        split_members(tmp_path / "data.npz", tmp_path / "data.npz", tmp_path)


def test_a_manifest_one_image_too_long_is_refused():
    """Issue 14.28: positions end at N-1."""
    manifest = {"member": "00", "images": f"0-{len(IMAGES)}", "digest": ""}
    with pytest.raises(InputError, match=r"names image 6, but the image set has 6; make the split"):
        splits.select(IMAGES, manifest)


def test_random_halves():
    names = np.array([f"unit {u}" for u in range(40)])
    first = splits.random_half(names, share=0.5, model=0, seed=2)
    assert first.sum() == 20
    assert (splits.random_half(names[::-1], share=0.5, model=0, seed=2)[::-1] == first).all()
    assert (splits.random_half(names, share=0.5, model=1, seed=2) != first).any()
    assert splits.random_half(names, share=0.001, model=0, seed=2).sum() == 1


def test_the_seed_decides_the_halves():
    names = np.array([f"unit {u}" for u in range(40)])
    first, other = (splits.random_half(names, share=0.5, model=0, seed=seed) for seed in (2, 3))
    assert (first != other).any()
