"""Captions of a folder: every layout that trainers use, and every fault that users have in them."""

import json
import os

import numpy as np
import pandas as pd
import pytest
from encoded_ensembles.data import catalogue
from encoded_ensembles.storage.files import InputError
from PIL import Image

THREE = ("a.png", "b.png", "sub/c.png")


@pytest.fixture
def folder(tmp_path):
    """Three pictures, and a function that writes a file beside them."""
    for number, name in enumerate(THREE):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (4, 4), (number, 0, 0)).save(tmp_path / name)

    def write(name, content):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    write.path = tmp_path
    return write


def read(folder, *, captioned=True):
    return catalogue.load(
        "folder", path=folder.path, cache=folder.path, mirror=None, size=4, channels=3,
        captioned=captioned,
    )  # fmt: skip


def texts(folder):
    source = read(folder)
    assert source.all.names.tolist() == list(THREE)
    return source.captions.texts.tolist()


def rows(*pairs, file_name="file_name", text="text"):
    return pd.DataFrame([{file_name: name, text: said} for name, said in pairs])


def lines(*values):
    return "".join(f"{json.dumps(value)}\n" for value in values)


ALL = [("a.png", "a cat"), ("b.png", "a dog, asleep"), ("sub/c.png", "été ☃")]


def write_all(folder, layout):
    table = rows(*ALL)
    if layout == "txt":
        for name, text in ALL:
            folder(f"{name[:-4]}.txt", text)
    elif layout == "csv":
        folder("metadata.csv", table.to_csv(index=False))
    elif layout == "jsonl":
        folder("metadata.jsonl", lines(*table.to_dict("records")))
    else:
        table.to_parquet(folder.path / "metadata.parquet")


LAYOUTS = ["txt", "csv", "jsonl", "parquet"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layouts_say_the_same(folder, layout):
    write_all(folder, layout)
    source = read(folder)
    assert source.captions.texts.tolist() == [text for _, text in ALL]
    assert source.captions[1:] == ((), (), ())
    assert not source.warnings  # caption files are not listed as passed over


@pytest.mark.parametrize("layout", LAYOUTS)
def test_pixels_and_warnings_do_not_depend_on_captions(folder, layout):
    """Without dataset.captions a folder is read as if there were no captions."""
    write_all(folder, layout)
    plain, captioned = read(folder, captioned=False), read(folder)
    assert plain.captions is None
    assert "files passed over" in plain.warnings[0]
    for key, value in plain.all.__dict__.items():
        assert np.array_equal(value, captioned.all.__dict__[key]), key
    assert plain.all.names.tolist() == list(THREE)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a cat", "a cat"), ("a cat\n", "a cat"), ("\ufeffa cat", "a cat"), ("  a \t cat\r\n\r\nasleep ", "a cat asleep"),
        ("a\0cat\0", "a cat"), ('"a, cat"', '"a, cat"'), ("", ""), (" \n", ""),
    ],
)  # fmt: skip
def test_a_text_file_is_one_line(folder, content, expected):
    folder("a.txt", content)
    folder("b.txt", "b")
    assert texts(folder) == [expected, "b", ""]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("metadata.csv", "file_name,text\na.png,\"a, b\"\nsub/c.png,c\n"),
        ("metadata.csv", "\ufeffid, text , file_name\r\n1,\"a, b\",a.png\r\n\r\n2,c, sub/c.png \r\n"),
        ("metadata.csv", "file_name,text\n./a.png,\"a,\nb\"\nsub/../sub/c.png,c\n"),
        ("metadata.jsonl", lines({"text": "a,  b", "file_name": "a.png", "x": [1]}, {"file_name": "sub/c.png", "text": "c"})),
        ("metadata.jsonl", "\ufeff" + lines({"file_name": "a.png", "text": "a, b"}).replace("\n", "\r\n\r\n")
         + lines({"file_name": "sub/c.png", "text": "c"}).strip()),
    ],
)  # fmt: skip
def test_metadata_in_other_words(folder, name, content):
    folder(name, content)
    assert texts(folder) == ["a, b", "", "c"]


def test_metadata_in_a_sub_folder_names_pictures_from_there(folder):
    folder("sub/metadata.jsonl", lines({"file_name": "c.png", "text": "c"}))
    folder("metadata.csv", "file_name,text\na.png,a\n")
    folder("b.txt", "b")
    assert texts(folder) == ["a", "b", "c"]


def test_missing_empty_and_extra_captions_are_told_apart(folder):
    folder("metadata.jsonl", lines({"file_name": "a.png", "text": None}, {"file_name": "sub/c.png", "text": "c"},
                                   {"file_name": "gone.png", "text": "x"}, {"file_name": "../a.png", "text": "x"}))  # fmt: skip
    folder("README.txt", "of nothing")
    found = read(folder).captions
    assert found.texts.tolist() == ["", "", "c"]
    assert (found.missing, found.empty) == (("b.png",), ("a.png",))
    assert found.extra == ("README.txt", "gone.png", "../a.png")


def test_one_text_file_for_two_pictures_of_its_name(folder):
    Image.new("RGB", (4, 4)).save(folder.path / "a.jpg")
    folder("a.txt", "both")
    assert read(folder).captions.texts.tolist() == ["both", "both", "", ""]


def test_the_same_caption_in_both_layouts_is_one(folder):
    write_all(folder, "txt")
    write_all(folder, "jsonl")
    assert texts(folder) == [text for _, text in ALL]


def test_hidden_files_are_no_captions(folder):
    folder("a.txt", "a")
    folder(".b.txt", "b")
    folder(".metadata.csv", "rubbish")
    assert read(folder).captions.extra == ()


GOOD = {"file_name": "b.png", "text": "b"}
BAD = [
    ("metadata.jsonl", lines(GOOD) + "{\n", "metadata.jsonl line 2 is not JSON"),
    ("metadata.jsonl", lines(GOOD) + "\n\n{'a': 1}\n", "metadata.jsonl line 4 is not JSON"),
    ("metadata.jsonl", b'{"file_name": "a.png", "text": "\xff"}', "metadata.jsonl line 1 is not JSON"),
    ("metadata.jsonl", "[" * 100_000, "metadata.jsonl line 1 is not JSON"),
    ("metadata.jsonl", lines(GOOD, ["a.png", "a"]), "line 2 is no object, expected one with file_name and text"),
    ("metadata.jsonl", lines(GOOD, {"file_name": "a.png", "caption": "a"}), "line 2 has file_name, caption, expected file_name and text; add text"),
    ("metadata.jsonl", lines({"image": "a.png", "text": "a"}), "line 1 has image, text, .* add file_name"),
    ("metadata.jsonl", lines({}), "line 1 has no column, .* add file_name and text"),
    ("metadata.jsonl", lines({"file_name": "a.png", "text": 3}), "line 1 has 3 as text, expected text"),
    ("metadata.jsonl", lines({"file_name": "a.png", "text": ["a", "b"]}), r"has \['a', 'b'\] as text"),
    ("metadata.jsonl", '{"file_name": "a.png", "text": NaN}', "has nan as text"),
    ("metadata.jsonl", lines({"file_name": None, "text": "a"}), "has None as file_name"),
    ("metadata.jsonl", lines({"file_name": "", "text": "a"}), "line 1 names no picture"),
    ("metadata.jsonl", '{"file_name": "a.png", "text": "\\ud800"}', r"has \\ud800 as text, expected text that UTF-8 can hold"),
    ("metadata.jsonl", lines(GOOD, GOOD), "b.png has two captions, in metadata.jsonl line 1 and in metadata.jsonl line 2"),
    ("metadata.csv", "", "metadata.csv line 1 has no column"),
    ("metadata.csv", "b.png,b\n", "metadata.csv line 1 has b.png, b, expected file_name and text"),
    ("metadata.csv", "file_name;text\nb.png;b\n", "line 1 has file_name;text, expected"),
    ("metadata.csv", "file_name,text\nb.png,b\na.png,a, with a comma\n", "line 3 has 3 columns, expected 2; put double quotes"),
    ("metadata.csv", "file_name,text\na.png\n", "line 2 has 1 columns, expected 2"),
    ("metadata.csv", 'file_name,text\na.png,"a\n', r"metadata.csv line \d is not CSV"),
    ("metadata.csv", 'file_name,text\na.png,"a"b\n', r"metadata.csv line 2 is not CSV"),
    ("metadata.csv", b"file_name,text\na.png,\xe9\n", r"metadata.csv is not UTF-8 \(byte 21\)"),
    ("metadata.csv", "file_name,text\nb.png,a\nb.png,b\n", "b.png has two captions, in metadata.csv line 2 and in metadata.csv line 3"),
    ("metadata.csv", f"file_name,text\na.png,{'x' * 200_000}\n", "metadata.csv line 2 is not CSV"),
    ("metadata.parquet", b"PAR1rubbish", "metadata.parquet is no parquet table"),
    ("metadata.parquet", b"", "metadata.parquet is no parquet table"),
    ("a.txt", b"\xff\xfea\0", r"a.txt is not UTF-8 \(byte 0\)"),
    ("a.txt", "x" * 65_537, "a.txt has 65537 bytes, expected a caption of at most 65536"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "reason"), BAD)
def test_what_is_refused(folder, name, content, reason):
    folder(name, content)
    with pytest.raises(InputError, match=reason) as error:
        read(folder)
    assert "\n" not in str(error.value)
    assert str(error.value).endswith(".")


def test_a_picture_with_two_captions(folder):
    folder("a.txt", "a cat")
    folder("metadata.csv", "file_name,text\na.png,a dog\n")
    with pytest.raises(
        InputError, match=r"a.png has two captions, in a.txt and in metadata.csv line 2"
    ):
        read(folder)
    (folder.path / "a.txt").unlink()
    folder("metadata.jsonl", lines({"file_name": "a.png", "text": "another"}))
    with pytest.raises(InputError, match=r"in metadata.csv line 2 and in metadata.jsonl line 1"):
        read(folder)


def test_parquet_with_other_columns_and_types(folder):
    file = folder.path / "metadata.parquet"
    rows(("a.png", "a"), text="caption").to_parquet(file)
    with pytest.raises(InputError, match=r"metadata.parquet has file_name, caption, expected"):
        read(folder)
    rows(("a.png", 1)).to_parquet(file)
    with pytest.raises(InputError, match=r"metadata.parquet line 1 has 1 as text"):
        read(folder)
    rows(("a.png", None), ("b.png", "b")).to_parquet(file)
    assert texts(folder) == ["", "b", ""]


def test_a_folder_without_captions(folder):
    with pytest.raises(
        InputError,
        match=r"holds no caption of its 3 pictures \(0 of no picture\), expected NAME.txt",
    ):
        read(folder)
    folder("metadata.csv", "file_name,text\nimages/a.png,a\nimages/b.png,b\n")
    with pytest.raises(
        InputError, match=r"\(2 of no picture, such as images/a.png\).* file_name \(such as a.png\)"
    ):
        read(folder)


def test_captions_that_cannot_be_read(folder):
    os.mkfifo(folder.path / "a.txt")
    with pytest.raises(InputError, match=r"a.txt is no plain file"):
        read(folder)
    (folder.path / "a.txt").unlink()
    (folder.path / "a.txt").symlink_to("nowhere")
    with pytest.raises(InputError, match=r"a.txt is no plain file"):
        read(folder)


def test_captions_of_a_data_set_that_has_none():
    with pytest.raises(
        InputError, match=r"dataset.name is digits, which has no captions, expected one of folder"
    ):
        catalogue.load(
            "digits", path=None, cache=None, mirror=None, size=None, channels=None, captioned=True
        )
