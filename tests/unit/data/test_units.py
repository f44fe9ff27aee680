"""Units: which images belong together, and what is said of them."""

import numpy as np
import pandas as pd
import pytest
from encoded_ensembles.data import images as data
from encoded_ensembles.data import units
from encoded_ensembles.data.plants import Plant
from encoded_ensembles.data.units import Grouping
from encoded_ensembles.storage.files import InputError
from sklearn.datasets import load_digits

IMAGES = data.ImageSet(
    np.arange(24, dtype=np.uint8).reshape(6, 2, 2, 1),
    np.array([0, 1, 0, 1, 2, 2]),
    np.array(["a", "b", "c"]),
    np.array(["p/q/0", "p/q/1", "p/2", "p/3", "4", "5"]),
)


def digits(count):
    pixels = np.rint(load_digits().images[:count] * (255 / 16)).astype(np.uint8)[..., None]
    names = np.array([f"digits/{i:04d}" for i in range(count)])
    return data.ImageSet(pixels, np.zeros(count, np.int64), np.array(["0"]), names)


@pytest.mark.parametrize(
    ("by", "names", "unit_of"),
    [
        ("image", ["4", "5", "p/2", "p/3", "p/q/0", "p/q/1"], [4, 5, 2, 3, 0, 1]),
        ("label", ["a", "b", "c"], [0, 1, 0, 1, 2, 2]),
        ("folder", [".", "p", "p/q"], [2, 2, 1, 1, 0, 0]),
        ("duplicates", ["4", "5", "p/2", "p/3", "p/q/0", "p/q/1"], [4, 5, 2, 3, 0, 1]),
    ],
)
def test_units_by_hand(by, names, unit_of):
    found = units.assign_units(IMAGES, Grouping(by, metric="pixels"))
    assert found.names.tolist() == names
    assert found.unit_of.tolist() == unit_of


def test_images_of_an_unnamed_label_are_of_a_unit_that_can_be_named():
    """Issue 14.4."""
    images = data.ImageSet(IMAGES.images, IMAGES.labels, np.array(["", "b", "c"]), IMAGES.names)
    assert units.assign_units(images, Grouping("label")).names.tolist() == [".", "b", "c"]


CAPTIONS = dict(
    zip(
        IMAGES.names.tolist(), ["a cat", "a cat and a dog", "dogs", "a Dog", "", "cat"], strict=True
    )
)


def test_words_of_captions_are_units():
    """Units share no image: the first word of the list takes it; without one an image is by itself."""
    for words, expected in (
        (("cat", "dog"), ["cat", "cat", "p/2", "dog", "4", "cat"]),
        (("dog", "cat"), ["cat", "dog", "p/2", "dog", "4", "cat"]),
        ((), IMAGES.names.tolist()),
    ):
        found = units.assign_units(IMAGES, Grouping("word", words=words, caption_of=CAPTIONS))
        assert found.names[found.unit_of].tolist() == expected


def test_a_plant_is_a_unit_whatever_words_its_captions_hold():
    names = np.array(["plant-x/p/q/0", *IMAGES.names[1:]])
    planted = data.ImageSet(IMAGES.images, IMAGES.labels, IMAGES.label_names, names)
    captions = {**CAPTIONS, "plant-x/p/q/0": "a cat"}
    for together, first in ((True, "plant-x"), (False, "cat")):
        plants = (Plant("x", "mark", 1, together),)
        grouping = Grouping("word", plants=plants, words=("cat",), caption_of=captions)
        found = units.assign_units(planted, grouping)
        assert found.names[found.unit_of].tolist()[:3] == [first, "cat", "p/2"]


def test_unknown_grouping():
    with pytest.raises(ValueError, match="expected image, label"):
        units.assign_units(IMAGES, Grouping("artist"))


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_units_from_a_table(tmp_path, suffix):
    path = tmp_path / f"table.{suffix}"
    table = pd.DataFrame({"name": [*IMAGES.names[::-1], "other"], "artist": [*"NAxxyz", "w"]})
    table["artist"] = table["artist"].replace("N", "NA")  # a name, not a missing value
    table.to_csv(path, index=False) if suffix == "csv" else table.to_parquet(path)
    found = units.assign_units(IMAGES, Grouping("table", table=path, column="artist"))
    assert found.names[found.unit_of].tolist() == ["z", "y", "x", "x", "A", "NA"]


PLAIN = "name,unit_name\np/q/0,Ann\np/q/1,Ann\np/2,Bo\np/3,Bo\n4,x\n5,x\n"


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        PLAIN.replace(",", " , ").replace("\n", " \n "),
        "\ufeff" + PLAIN,
        "\ufeff" + PLAIN.replace("name,unit_name", '"name","unit_name"'),
        PLAIN.replace("Ann", ' "Ann" ').replace("4,x", "\t4,x"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN + "p/2,Bo\np/2, Bo \n\n",
        PLAIN.replace("name,unit_name", "unit_name,name").replace("p/2,Bo", "Bo,p/2")
        .replace("p/3,Bo", "Bo,p/3").replace("4,x", "x,4").replace("5,x", "x,5")
        .replace("p/q/0,Ann", "Ann,p/q/0").replace("p/q/1,Ann", "Ann,p/q/1"),
    ],
    ids=["plain", "blanks", "BOM", "BOM and quotes", "quotes", "CRLF", "twice", "order"],
)  # fmt: skip
def test_units_from_a_table_as_people_write_it(tmp_path, content):
    """Issue 14.20: blanks, a byte order mark, quotes and repeated rows do not count."""
    path = tmp_path / "TABLE.CSV"
    path.write_text(content, newline="")
    found = units.assign_units(IMAGES, Grouping("table", table=path))
    assert found.names[found.unit_of].tolist() == ["Ann", "Ann", "Bo", "Bo", "x", "x"]


@pytest.mark.parametrize("name", ["t.PARQUET", "t.Parquet", "t.CSV"])
@pytest.mark.parametrize("kind", [int, str])
def test_a_table_in_capitals_with_blanks_around_names(tmp_path, name, kind):
    """Issue 14.20."""
    table = pd.DataFrame(
        {"name": [f" {each}\t" for each in IMAGES.names], " unit ": np.arange(6).astype(kind)}
    )
    path = tmp_path / name
    table.to_csv(path, index=False) if path.suffix == ".CSV" else table.to_parquet(path)
    found = units.assign_units(IMAGES, Grouping("table", table=path, column="unit"))
    assert found.names[found.unit_of].tolist() == [*"012345"]


def test_names_that_blanks_tell_apart(tmp_path):
    names = np.array([" a.png", "a.png", " b.png"])
    path = tmp_path / "t.parquet"
    table = pd.DataFrame({"name": [*names[:2], "b.png"], "unit_name": ["x", "y", "z"]})
    table.to_parquet(path)
    found = units.read_table(path, names=names, column="unit_name")
    assert found.tolist() == ["x", "y", "z"]


def test_the_table_that_a_run_writes_can_be_given(tmp_path):
    path = tmp_path / "images.csv"
    pd.DataFrame({"name": IMAGES.names, "unit_name": IMAGES.names}).to_csv(path, index=False)
    found = units.assign_units(IMAGES, Grouping("table", table=path))
    assert (found.names[found.unit_of] == IMAGES.names).all()
    of_names = units.assign_units(IMAGES, Grouping("table", table=path, column="name"))
    assert (of_names.names[of_names.unit_of] == IMAGES.names).all()


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"file": ["a"]}, "has columns file, expected one called name"),
        ({"name": ["4"], "artist": ["x"]}, "gives no artist for 5 of 6 images, such as p/q/0"),
        ({"name": ["4", "4 "], "artist": ["x", "y"]}, "names image 4 twice, with units x and y"),
        ({"name": ["4"], "artist": [" "]}, "gives no artist for 6 of 6 images"),
        ({"name": ["4"], "artist ": ["x"], " artist": ["y"]}, "has columns name, artist, artist"),
    ],
)
def test_wrong_tables(tmp_path, table, message):
    path = tmp_path / "table.csv"
    pd.DataFrame(table).to_csv(path, index=False)
    with pytest.raises(InputError, match=message):
        units.assign_units(IMAGES, Grouping("table", table=path, column="artist"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"name;unit_name\n4;x\n",
            "has columns name;unit_name, .* separate columns of a CSV with commas",
        ),
        (PLAIN.replace("Bo", "Bo, Jr.").encode(), "cannot be read as a table .* commas"),
        (
            PLAIN.replace("\n", ",z\n").replace(",z", "", 1).encode(),
            "cannot be read as a table .* commas",
        ),
        (PLAIN.encode("utf-16"), "cannot be read as a table .* UTF-8"),
        ("name,unit_name\n4,é\n".encode("latin-1"), "cannot be read as a table .* UTF-8"),
        (b"", "cannot be read as a table"),
    ],
    ids=["semicolons", "comma in a name", "long rows", "UTF-16", "Latin-1", "empty"],
)
def test_tables_that_are_written_otherwise_are_refused(tmp_path, content, message):
    """Issue 14.20."""
    (tmp_path / "table.csv").write_bytes(content)
    with pytest.raises(InputError, match=message):
        units.assign_units(IMAGES, Grouping("table", table=tmp_path / "table.csv"))


def test_a_table_that_is_none(tmp_path):
    (tmp_path / "table.parquet").write_bytes(b"nothing")
    for path in (tmp_path / "table.parquet", tmp_path / "absent.csv"):
        with pytest.raises(InputError, match="cannot be read as a table"):
            units.assign_units(IMAGES, Grouping("table", table=path))


@pytest.mark.parametrize(("metric", "threshold"), [("pixels", 0.02), ("phash", 6)])
def test_near_duplicates_share_a_unit_and_others_do_not(metric, threshold):
    images = digits(20)
    pixels = images.images.copy()
    pixels[7] = np.clip(pixels[3].astype(int) + 2, 0, 255)  # a little brighter
    pixels[9] = pixels[3]
    found = units.assign_units(
        data.ImageSet(pixels, images.labels, images.label_names, images.names),
        Grouping("duplicates", metric=metric, threshold=threshold),
    )
    assert found.unit_of[3] == found.unit_of[7] == found.unit_of[9]
    assert found.names[found.unit_of[3]] == "digits/0003"
    assert len(found.names) == 18


def test_clusters_do_not_depend_on_the_order_of_images():
    images = digits(60)
    turn = np.random.default_rng(0).permutation(60)
    grouping = Grouping("duplicates", metric="pixels", threshold=0.15)
    first, second = (units.assign_units(each, grouping) for each in (images, images.take(turn)))
    assert 1 < len(first.names) < 60
    assert (first.names[first.unit_of][turn] == second.names[second.unit_of]).all()


def test_find_units():
    names = np.array(["digits/0001", "digits/0002", "x"])
    assert units.find_units(names, ["x", "digits/0002", "x"]).tolist() == [1, 2]
    with pytest.raises(InputError, match=r"digits/002 is no unit .* did you mean digits/0002\?"):
        units.find_units(names, ["digits/002"])


def test_large_units_and_masking_images_are_warned_of():
    table = pd.DataFrame(
        {
            "name": list("abcdef"),
            "unit_name": ["u", "u", "u", "v", "w", "w"],
            "pixels_sha256": ["1", "2", "2", "3", "2", "4"],
        }
    )
    masking = units.masked(table)
    assert masking["name"].tolist() == ["b", "c", "e"]
    assigned = units.Units(np.array(["u", "v", "w"]), np.array([0, 0, 0, 0, 1, 2]))
    large, twins = units.unit_warnings(assigned, weight=2, masking=masking[masking["name"] != "c"])
    assert large.startswith("unit u holds 4 of 6 images, more than 1/w = 1/2 of the data")
    assert twins.startswith(
        "2 images have the pixels of an image in another unit (such as b and e)"
    )


def test_twins_inside_one_unit_do_not_mask_each_other():
    """Issue 14.28: the ablation of their unit drops every member that saw either."""
    twins = pd.DataFrame({"name": ["a", "b"], "unit_name": ["u", "u"], "pixels_sha256": ["1", "1"]})
    assert units.masked(twins).empty


def test_the_same_pixels_in_other_units_are_found():
    """Issue 14.5: certify said so, forget did not."""
    images = pd.DataFrame(
        {
            "name": ["a1", "a2", "b1", "b2", "c1"],
            "unit_name": ["a", "a", "b", "b", "c"],
            "pixels_sha256": ["1", "2", "2", "3", "2"],
        }
    )
    assert units.same_pixels(images, ["a"]).to_dict("records") == [
        {"name": "b1", "unit_name": "b"}, {"name": "c1", "unit_name": "c"}
    ]  # fmt: skip
    assert units.same_pixels(images, ["a", "b"])["name"].tolist() == ["c1"]
    assert units.same_pixels(images, ["a", "b", "c"]).empty
