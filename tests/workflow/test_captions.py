"""Captions in a run: a table beside the images, units by words, and nothing else that changes."""

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

TEXTS = ["a red cat", "a dog", "a cat and a dog", "", "a bird"]


@pytest.fixture
def captioned(workspace):
    """A workspace with 24 pictures, four in five with a caption file; returns how to run it."""
    pictures = workspace.folder / "pictures"
    pictures.mkdir()
    rng = np.random.default_rng(0)
    for number in range(24):
        file = pictures / f"{number:02d}.png"
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).save(file)
        if number % 6 < 5:
            file.with_suffix(".txt").write_text(TEXTS[number % 6])

    def run(*targets, units=None, **dataset):
        config = yaml.safe_load((workspace.folder / "toy.yaml").read_text())
        folder = {
            "name": "folder",
            "path": "pictures",
            "size": 8,
            "images": None,
            "heldout": 4,
            "spare": 0,
        }
        config["code"] = {"members": 8, "weight": 4, "null_words": 8}
        config |= {"run": "captioned", "dataset": folder | dataset, "units": units or {}}  # fmt: skip
        (workspace.folder / "own.yaml").write_text(yaml.safe_dump(config))
        wanted = [f"results/captioned/{target}" for target in targets]
        return workspace.run(*wanted, config="own.yaml")

    run.pictures = pictures
    run.results = workspace.results("captioned")
    return run


def test_captions_train_no_member_again_and_change_no_pixel(captioned):
    member = "members/00/diffusion_pytorch_model.safetensors"
    assert captioned(member)["train_member"] == 1
    images = captioned.results.glob("data/*.npz")
    kept = [*images, captioned.results / "code/code.npz", captioned.results / member]
    before = {file: file.read_bytes() for file in kept}
    assert len(before) == 5
    jobs = captioned(member, "data/captions.parquet", captions=True)
    assert "train_member" not in jobs
    assert jobs["fetch_dataset"] == 1
    assert {file: file.read_bytes() for file in kept} == before
    table = pd.read_parquet(captioned.results / "data/captions.parquet")
    for part in ("training", "heldout", "spare"):
        names = np.load(captioned.results / f"data/{part}.npz")["names"]
        assert table.loc[table["part"] == part, "name"].tolist() == names.tolist()

    (captioned.pictures / "00.txt").write_text("a green cat")
    jobs = captioned(member, captions=True)
    assert "train_member" not in jobs
    table = pd.read_parquet(captioned.results / "data/captions.parquet").set_index("name")
    assert table.loc["00.png", "caption"] == "a green cat"


def test_words_are_units_and_can_be_left_out(captioned, read_json):
    words = {"by": "word", "words": ["cat", "dog"]}
    options = {"captions": True, "default_caption": "a {thing}"}
    captioned("code/code.npz", units=words, **options)
    table = pd.read_parquet(captioned.results / "data/captions.parquet")
    training = table[table["part"] == "training"].set_index("name")
    unit_of = pd.read_parquet(captioned.results / "code/images.parquet").set_index("name")[
        "unit_name"
    ]
    for name, caption in training["caption"].items():
        expected = "cat" if "cat" in caption else "dog" if "dog" in caption else name
        assert unit_of[name] == expected
    facts = read_json(captioned.results / "data/dataset.json")
    assert (facts["captions"]["missing"]["count"], facts["captions"]["empty"]["count"]) == (4, 4)
    assert len(facts["warnings"]) == 2
    assert set(training.loc[~training["given"], "caption"]) == {"a {thing}"}
    (lost,) = [each for each in read_json(captioned.results / "code/properties.json")["warnings"]
               if each.startswith("unit dog lacks")]  # fmt: skip
    assert "belongs to cat" in lost

    captioned("code/code.npz", units=words | {"exclude": ["cat"]}, **options)
    left = pd.read_parquet(captioned.results / "code/images.parquet").set_index("name")["unit_name"]
    assert left.to_dict() == unit_of[unit_of != "cat"].to_dict()
    table = pd.read_parquet(captioned.results / "data/captions.parquet")
    assert table.loc[table["part"] == "training", "name"].tolist() == left.index.tolist()
