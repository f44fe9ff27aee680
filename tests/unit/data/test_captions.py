"""Captions: their counts, their table, and the words in them."""

import numpy as np
import pandas as pd
import pytest
from encoded_ensembles.data import captions
from encoded_ensembles.data.captions import Captions
from encoded_ensembles.storage.files import InputError

NAMES = np.array([f"{number}.png" for number in range(8)])
SOME = Captions(
    np.array(["a cat", "", "a dog", "", "", "", "", ""]),
    missing=("1.png", "3.png", "4.png", "5.png", "6.png", "7.png"),
    empty=("2.png",),
    extra=("x.txt",),
)


def test_counts_and_first_names():
    facts = captions.caption_facts(SOME, default="a thing")
    assert (facts["images"], facts["captioned"], facts["default"]) == (8, 2, "a thing")
    assert facts["missing"] == {"count": 6, "first": list(SOME.missing[:5])}
    assert facts["extra"] == {"count": 1, "first": ["x.txt"]}


def test_warnings_name_the_first_of_each_kind():
    missing, empty, extra = captions.caption_warnings(SOME, default="a thing")
    assert missing == (
        "images without a caption: 6 of 8 ('1.png', '3.png', '4.png', '5.png', '6.png', ...); they get "
        "'a thing' (dataset.default_caption)."
    )
    assert empty.startswith("images with an empty caption: 1 of 8 ('2.png'); they get")
    assert extra == "captions of no image: 1 ('x.txt'); correct their names or remove them."
    assert captions.caption_warnings(Captions(np.array(["a"])), default="") == []


def test_the_table_is_in_the_order_of_the_parts():
    caption = captions.caption_of(NAMES, SOME, default="a thing")
    table = captions.caption_table(
        {"training": NAMES[[2, 1]], "heldout": NAMES[[0]], "spare": NAMES[:0]}, caption
    )
    assert table.to_dict("split")["data"] == [
        ["training", 0, "2.png", "a dog", True],
        ["training", 1, "1.png", "a thing", False],
        ["heldout", 0, "0.png", "a cat", True],
    ]
    assert captions.training_captions(table, NAMES[[2, 1]]) == {
        "2.png": "a dog",
        "1.png": "a thing",
    }
    with pytest.raises(
        InputError, match="of 2 training images, expected those 2 of the image file"
    ):
        captions.training_captions(table, NAMES[[1, 2]])


def test_empty_tables_have_columns():
    table = captions.caption_table({"training": NAMES[:0]}, {})
    assert list(table) == ["part", "image", "name", "caption", "given"]
    assert isinstance(table, pd.DataFrame)


def test_no_caption_at_all():
    with pytest.raises(InputError, match="a caption of at least one of the 8 images, found none"):
        captions.caption_of(NAMES, Captions(np.array([""] * 8)), default="x")


@pytest.mark.parametrize(
    ("word", "text", "held"),
    [
        ("cat", "a cat", True),
        ("cat", "Cat, asleep", True),
        ("CAT", "a cat-like thing", True),
        ("cat", "cats", False),
        ("cat", "concatenate", False),
        ("cat", "cat_eyes", False),
        ("cat", "", False),
        ("red cat", "a red   cat", True),
        ("red cat", "a red, cat", False),
        ("c.t", "cat", False),
        ("c++", "c++ code", True),
        ("étoile", "une e\u0301toile", True),
        ("STRASSE", "eine Straße", True),
        ("猫", "黒 猫", True),
        ("flag:", "flag: Wales", True),
    ],
)
def test_words_are_found_whole_and_in_any_case(word, text, held):
    assert captions.find_words([word], [text]).tolist() == [[held]]


def test_the_first_word_of_the_list_takes_the_image():
    texts = ["a cat and a dog", "a dog", "a bird", "dogs", "two dog toys", "cat", "", "x"]
    found = captions.group_by_words(NAMES, texts, ["cat", "dog"])
    assert found.tolist() == [
        "cat", "dog", "2.png", "3.png", "dog", "cat", "6.png", "7.png",
    ]  # fmt: skip
    other = captions.group_by_words(NAMES, texts, ["dog", "cat"])
    assert (other[0], found[0]) == ("dog", "cat")
    assert (other[1:] == found[1:]).all()


def test_grouping_is_a_loop_over_images():
    """A law: an image's unit depends on its own caption and the list alone."""
    rng = np.random.default_rng(0)
    vocabulary = ["cat", "dog", "bird", "red", "blue"]
    texts = [" ".join(rng.choice(vocabulary, rng.integers(0, 4))) for _ in NAMES] + vocabulary
    names = np.array([f"{number}.png" for number in range(len(texts))])
    words = ["dog", "red", "cat"]
    expected = [
        next((word for word in words if word in text.split()), name)
        for name, text in zip(names.tolist(), texts, strict=True)
    ]
    assert captions.group_by_words(names, texts, words).tolist() == expected
    order = rng.permutation(len(names))
    shuffled = captions.group_by_words(names[order], [texts[row] for row in order], words)
    assert shuffled.tolist() == [expected[row] for row in order]


def test_words_that_cannot_be_units():
    texts = ["a cat", *["a bird"] * 7]
    with pytest.raises(InputError, match=r"holds brid, .* found none with it; did you mean bird\?"):
        captions.group_by_words(NAMES, texts, ["cat", "brid"])
    named = np.array(["cat", *NAMES[1:]])
    with pytest.raises(InputError, match=r"cat, which is the name of an image without that word"):
        captions.group_by_words(named, [*texts[1:], "a cat"], ["cat"])
    assert captions.group_by_words(NAMES, texts, []).tolist() == NAMES.tolist()


def test_a_word_that_lost_images_is_warned_of():
    caption = {"0": "a cat and a dog", "1": "a dog", "2": "a dog, a cat", "3": "a bird"}
    (said,) = captions.word_warnings(caption, ["cat", "dog", "bird"])
    assert said.startswith(
        "unit dog lacks 2 of the 3 images whose captions hold that word, such as 0, which belongs to cat"
    )
    assert captions.word_warnings(caption, ["cat", "bird"]) == []
    assert captions.word_warnings(caption, []) == []
