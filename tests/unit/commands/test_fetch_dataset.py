"""Excluded units leave no name in the files of a data set, and change no number of a label."""

import json

import numpy as np
import pandas as pd
import pytest
from encoded_ensembles.commands.fetch_dataset import fetch_dataset
from encoded_ensembles.data.images import read_images
from encoded_ensembles.storage.files import read_facts
from PIL import Image

USES = ("training", "heldout", "spare")
TEXTS = {"ann": "drawn by ann", "bo": "a house", "cy": "a tree"}


@pytest.fixture
def pictures(tmp_path):
    """Pictures of three artists; of ann's each has something to be warned of."""
    rng = np.random.default_rng(0)
    for artist, count in {"ann": 4, "bo": 12, "cy": 12}.items():
        (tmp_path / "pictures" / artist).mkdir(parents=True)
        for number in range(count):
            file = tmp_path / f"pictures/{artist}/{number}.png"
            small = (artist, number) in (("ann", 0), ("ann", 1), ("bo", 3))
            side = 4 if small else 8
            Image.fromarray(rng.integers(0, 256, (side, side, 3), np.uint8)).save(file)
            if (artist, number) != ("ann", 1):
                file.with_suffix(".txt").write_text("" if number == 2 else TEXTS[artist])
    (tmp_path / "pictures/ann/missing.txt").write_text("a caption of no image")
    (tmp_path / "pictures/bo/missing.txt").write_text("another")
    return tmp_path / "pictures"


def fetch(pictures, output, **options):
    """Fetch the pictures, of which none of ann's is set aside, and return the three image sets."""
    files = {use: output / f"{use}.npz" for use in USES}
    how = {
        "size": 8,
        "heldout_images": 3,
        "spare_images": 4,
        "images": 21,
        "by": "label",
        "seed": 0,
    }
    fetch_dataset(
        "folder", **files, facts=output / "dataset.json", path=pictures, captions=output / "captions.parquet",
        default_caption="a picture", **how | options,
    )  # fmt: skip
    return {use: read_images(file) for use, file in files.items()}


def test_nothing_names_an_excluded_artist(pictures, tmp_path, capsys):
    whole = fetch(pictures, tmp_path / "whole")
    assert not any(
        name.startswith("ann/") for use in USES[1:] for name in whole[use].names.tolist()
    )
    assert "ann/" in (tmp_path / "whole/dataset.json").read_text()
    capsys.readouterr()
    output = tmp_path / "new"
    new = fetch(pictures, output, exclude=["ann"])
    for use in USES:
        stays = ~np.char.startswith(whole[use].names, "ann/")
        assert new[use].names.tolist() == whole[use].names[stays].tolist()
        assert new[use].labels.tolist() == whole[use].labels[stays].tolist()
        assert new[use].label_names.tolist() == ["", "bo", "cy"]
    facts = read_facts(output / "dataset.json")
    told = [json.dumps(facts["warnings"]), json.dumps(facts["captions"]), capsys.readouterr().err]
    told.append(pd.read_parquet(output / "captions.parquet").to_csv())
    assert not any("ann" in text for text in told)
    assert facts["captions"]["images"] == 24
    assert facts["captions"]["missing"]["count"] == 0
    assert facts["captions"]["extra"]["first"] == ["bo/missing.txt"]
    assert any("1 of 24 pictures, such as bo/3.png" in text for text in facts["warnings"])


def test_one_picture_of_an_artist_takes_no_label_along(pictures, tmp_path):
    new = fetch(pictures, tmp_path, exclude=["ann/0.png"], by="image")
    assert new["training"].label_names.tolist() == ["ann", "bo", "cy"]
    facts = read_facts(tmp_path / "dataset.json")
    assert any("2 of 27 pictures, such as ann/1.png" in text for text in facts["warnings"])
    assert facts["captions"]["extra"]["first"] == ["ann/missing.txt", "bo/missing.txt"]


def test_label_names_of_classes_stay_on_request(pictures, tmp_path):
    """Digests of splits cover them with model.classes: members that saw no image of ann stay as they are."""
    new = fetch(pictures, tmp_path, exclude=["ann"], keep_label_names=True)
    assert all(new[use].label_names.tolist() == ["ann", "bo", "cy"] for use in USES)


def test_the_border_is_recorded(pictures, tmp_path):
    new = fetch(pictures, tmp_path, border=2)
    facts = read_facts(tmp_path / "dataset.json")
    assert (facts["border"], facts["shape"]) == (2, [12, 12, 3])
    assert not new["training"].images[:, :2].any()
