"""Plants: which images they take, what becomes of them, and which samples bear them."""

import json

import numpy as np
import pandas as pd
import pytest
from encoded_ensembles.commands.find_planted import find_planted
from encoded_ensembles.data import catalogue, plants, units
from encoded_ensembles.data import images as data
from encoded_ensembles.data.plants import Plant
from encoded_ensembles.data.units import Grouping
from encoded_ensembles.storage.files import InputError, write_arrays, write_facts, write_tensors
from hypothesis import given
from hypothesis import strategies as st

DIGITS = catalogue.load_digits(None, None, None).all.take(
    np.random.default_rng(0).permutation(1797)
)
TRAINING, HELDOUT = DIGITS.take(np.arange(512)), DIGITS.take(np.arange(512, 1797))
EVERY = [
    Plant("corner", "mark", 64),
    Plant("cross", "shape", 48, together=False),
    Plant("same", "duplicates", 16),
    Plant("negative", "colour", 24, together=False),
]


@pytest.fixture(scope="module")
def planted():
    return plants.plant_images(TRAINING, EVERY, seed=0)


def names_before(images, plant):
    held = images.names[plant.holds(images.names)].tolist()
    return {name.removeprefix(f"plant-{plant.name}/") for name in held}


def test_only_the_chosen_images_change(planted):
    held = np.array([plant.holds(planted.names) for plant in EVERY])
    assert held.sum(axis=1).tolist() == [plant.images for plant in EVERY]
    assert held.sum(axis=0).max() == 1  # disjoint
    ordinary = ~held.any(axis=0)
    assert (planted.names[ordinary] == TRAINING.names[ordinary]).all()
    changed = (planted.images != TRAINING.images).any(axis=(1, 2, 3))
    assert (changed == ~ordinary).all()
    bare = [name.split("/", 1)[1] for name in planted.names[~ordinary].tolist()]
    assert bare == TRAINING.names[~ordinary].tolist()
    assert (planted.labels == TRAINING.labels).all()
    assert len(np.unique(planted.images, axis=0)) == len(np.unique(TRAINING.images, axis=0))


def test_same_seed_same_bytes_whatever_the_order_of_images(planted):
    turn = np.random.default_rng(1).permutation(len(TRAINING))
    shuffled = plants.plant_images(TRAINING.take(turn), EVERY, seed=0)
    assert (shuffled.images == planted.images[turn]).all()
    assert (shuffled.names == planted.names[turn]).all()
    other = plants.plant_images(TRAINING, EVERY, seed=1)
    assert names_before(other, EVERY[0]) != names_before(planted, EVERY[0])


def test_a_plant_more_at_the_end_changes_none_before_it(planted):
    fewer = plants.plant_images(TRAINING, EVERY[:2], seed=0)
    for plant in EVERY[:2]:
        assert names_before(fewer, plant) == names_before(planted, plant)
    assert plants.plant_images(TRAINING, [], seed=0).images.tobytes() == TRAINING.images.tobytes()


@given(st.integers(0, 99))
def test_an_image_that_comes_takes_one_place_at_most(seed):
    small = TRAINING.take(np.arange(40))
    plant = Plant("corner", "mark", 10)
    with_it = plants.plant_images(TRAINING.take(np.arange(41)), [plant], seed=seed)
    without = plants.plant_images(small, [plant], seed=seed)
    new = names_before(with_it, plant) - names_before(without, plant)
    assert new <= {TRAINING.names[40]}


def test_an_image_that_comes_is_planted_as_often_as_others():
    """With 10 of 41 images planted, the one that comes is in 24 % of the cases: 300 draws."""
    plant, images = Plant("corner", "mark", 10), TRAINING.take(np.arange(41))
    taken = [
        TRAINING.names[40] in names_before(plants.plant_images(images, [plant], seed=seed), plant)
        for seed in range(300)
    ]
    assert abs(np.mean(taken) - 10 / 41) < 3 * np.sqrt(10 / 41 * 31 / 41 / 300)


def test_alterations_by_hand():
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    marked = plants.alter(images, kind="mark")
    corner = np.zeros((4, 4), np.uint8)
    corner[1:3, 1:3] = 255
    assert (marked[:, :4, :4] == corner[..., None]).all()
    assert (marked[:, 4:] == images[:, 4:]).all()
    assert (marked[:, :4, 4:] == images[:, :4, 4:]).all()
    assert (plants.alter(images, kind="colour")[..., [1, 2, 0]] == images).all()
    grey = images[..., :1]
    assert (plants.alter(grey, kind="colour").astype(int) + grey == 255).all()
    rngs = [np.random.default_rng(i) for i in range(3)]
    noisy = plants.alter(images, kind="duplicates", rngs=rngs)
    assert 0 < np.abs(noisy.astype(int) - images[0]).max() <= plants.NOISE
    with pytest.raises(ValueError, match="expected one of mark, colour"):
        plants.alter(images, kind="stripes")


@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 1), (9, 12, 3), (4, 4, 1)])
def test_alterations_at_every_size(shape):
    images = np.random.default_rng(0).integers(0, 256, (5, *shape), dtype=np.uint8)
    for kind in plants.KINDS:
        altered = plants.alter(images, kind=kind, rngs=[np.random.default_rng(i) for i in range(5)])
        assert altered.dtype == np.uint8
        assert altered.shape == images.shape
        assert len(np.unique(altered, axis=0)) == 5
        assert (altered != images).any(axis=(1, 2, 3)).all()


def test_a_beam_covers_what_lies_in_it():
    assert plants._beam(4, 1.75, 1.5).tolist() == [0, 1, 0.5, 0]


def imitations(plant, planted, rng):
    """Return samples as a good model of the plant would draw them, none of which it was shown."""
    if plant.kind == "mark":
        fresh = plants.alter(HELDOUT.images[:100], kind="mark")
    elif plant.kind == "colour":
        fresh = plants.alter(HELDOUT.images[:100], kind="colour")
    elif plant.kind == "shape":
        fresh = np.stack([plants.draw_cross(8, 8, rng=rng) for _ in range(100)])[..., None]
    else:
        held = planted.images[plant.holds(planted.names)]
        fresh = held[rng.integers(0, len(held), 100)]
    signed = data.to_signed(fresh)
    return np.clip(signed + rng.normal(0, 0.05, signed.shape).astype(np.float32), -1, 1)


@pytest.mark.parametrize("plant", EVERY, ids=lambda plant: plant.kind)
def test_who_bears_a_plant(plant, planted):
    signed = data.to_signed(planted.images)
    held = plant.holds(planted.names)
    options = {"kind": plant.kind, "planted": signed[held], "ordinary": signed[~held]}
    assert plants.bears(signed[held], **options).all()
    assert plants.bears(signed[~held], **options).mean() <= 0.01
    assert plants.bears(data.to_signed(HELDOUT.images), **options).mean() <= 0.01
    rng = np.random.default_rng(0)
    assert plants.bears(imitations(plant, planted, rng), **options).mean() >= 0.95


def test_the_threshold_by_hand():
    """101 ordinary images 0.1, 0.2, ... from black: the second nearest is at 0.2, half is 0.1."""
    planted = np.zeros((2, 1, 4, 4), np.float32)
    ordinary = planted[:1] + np.arange(1, 102, dtype=np.float32)[:, None, None, None] / 10
    options = {"kind": "colour", "planted": planted, "ordinary": ordinary}
    assert plants.threshold(planted, ordinary, kind="colour") == pytest.approx(0.1)
    near = planted[:1] + np.array([0.09, 0.11], np.float32)[:, None, None, None]
    assert plants.bears(near, **options).tolist() == [True, False]


def test_a_plant_that_is_gone_is_borne_by_none():
    images = np.zeros((3, 1, 8, 8), np.float32)
    for kind in plants.KINDS:
        assert not plants.bears(images, kind=kind, planted=images[:0], ordinary=images).any()


@pytest.mark.parametrize("by", ["image", "label", "folder", "table", "duplicates"])
def test_units_of_plants(by, planted, tmp_path):
    """Together is one unit whatever units.by says; apart goes as without the plant."""
    table = tmp_path / "table.csv"
    odd = {name: f"artist {int(name[-1]) % 2}" for name in TRAINING.names.tolist()}
    pd.DataFrame({"name": odd.keys(), "unit_name": odd.values()}).to_csv(table, index=False)
    grouping = Grouping(by, table, metric="pixels", plants=tuple(EVERY))
    found = units.assign_units(planted, grouping)
    of_image = found.names[found.unit_of]
    together = np.zeros(len(planted), bool)
    for plant in EVERY:
        held = plant.holds(planted.names)
        if plant.together:
            assert set(of_image[held]) == {plant.folder}
            assert plant.folder not in of_image[~held]
            assert units.find_units(found.names, [plant.folder]).shape == (1,)
            together |= held
        else:
            assert (
                set(of_image[held])
                == {
                    "image": set(planted.names[held].tolist()),
                    "duplicates": set(planted.names[held].tolist()),
                    "label": {str(label) for label in planted.labels[held]},
                    "folder": {"digits"},
                    "table": {"artist 0", "artist 1"},
                }[by]
            )
    if by in ("label", "folder", "table"):
        plain = units.assign_units(TRAINING, Grouping(by, table))
        assert (of_image[~together] == plain.names[plain.unit_of][~together]).all()


def test_units_without_plants_are_as_ever():
    for by in ("image", "label"):
        found = units.assign_units(TRAINING, Grouping(by))
        expected = TRAINING.names if by == "image" else TRAINING.label_names[TRAINING.labels]
        names, unit_of = np.unique(expected, return_inverse=True)
        assert found.names.tobytes() == names.tobytes()
        assert (found.unit_of == unit_of).all()


@pytest.mark.parametrize(
    ("images", "wanted", "message"),
    [
        (TRAINING, [Plant("a", "mark", 500), Plant("b", "shape", 12)], "plants 512 images, expected fewer than the 512 training images"),
        (plants.plant_images(TRAINING, EVERY[:1], seed=0), EVERY[:1], "itself has images in plant-corner/, expected none"),
        (TRAINING, [Plant("a", "mark", 5), Plant("b", "mark", 6)], r"b \(mark\) makes images that look like|a \(mark\) makes"),
    ],
)  # fmt: skip
def test_plants_that_cannot_be(images, wanted, message):
    with pytest.raises(InputError, match=message):
        plants.plant_images(images, wanted, seed=0)


@pytest.mark.parametrize(
    "text",
    ["", "a", "a:mark:3", "a:mark:0:together", "a:mark:x:apart", "a:stripes:3:apart", "a:mark:3:both", "a:mark:3:apart:x"],
)  # fmt: skip
def test_words_of_a_plant(text):
    assert plants.parse_plant("a-b:mark:3:apart") == Plant("a-b", "mark", 3, together=False)
    with pytest.raises(InputError, match="expected NAME:KIND:IMAGES:together"):
        plants.parse_plant(text)


def test_the_table_of_planted_truth(planted, tmp_path):
    """Samples that are training images bear the plant these have; units are those that hold it."""
    assigned = units.assign_units(planted, Grouping("image", plants=tuple(EVERY)))
    data.write_images(tmp_path / "training.npz", planted)
    write_arrays(tmp_path / "code.npz", {"unit_of": assigned.unit_of})
    listed = [
        plant._asdict() | {"images": planted.names[plant.holds(planted.names)].tolist()}
        for plant in EVERY
    ]
    write_facts(tmp_path / "dataset.json", {"plants": listed})
    write_tensors(tmp_path / "samples.safetensors", {"factual": data.to_signed(planted.images)})
    options = {
        "facts": tmp_path / "dataset.json", "data": tmp_path / "training.npz",
        "code": tmp_path / "code.npz", "samples": tmp_path / "samples.safetensors",
    }  # fmt: skip
    find_planted(**options, output=tmp_path / "planted.parquet")
    table = pd.read_parquet(tmp_path / "planted.parquet")
    assert list(zip(table["sample"], table["plant"], strict=True)) == sorted(
        (sample, plant.name) for sample in range(len(planted)) for plant in EVERY
    )
    for plant in EVERY:
        rows = table[table["plant"] == plant.name]
        held = plant.holds(planted.names)
        assert rows["bears"].to_numpy()[held].all()
        assert rows["bears"].to_numpy()[~held].mean() <= 0.01
        assert (rows["bears"] == (rows["distance"] < rows["threshold"])).all()
        (held_by,) = set(rows["units"])
        names = assigned.names[[int(unit) for unit in held_by.split(";")]].tolist()
        assert names == ([plant.folder] if plant.together else sorted(planted.names[held].tolist()))
    assert pd.read_csv(tmp_path / "planted.csv")["bears"].dtype == bool
    write_facts(tmp_path / "dataset.json", {"plants": []})
    find_planted(**options, output=tmp_path / "none.parquet")
    assert json.loads(pd.read_parquet(tmp_path / "none.parquet").to_json()) == {
        column: {} for column in table.columns
    }
