"""The exchange format: what is written, what is read back, and what is refused."""

import io
import json
import tarfile

import numpy as np
import pytest
from encoded_ensembles.sharing.universe import open_universe, write_floats, write_universe
from encoded_ensembles.storage.files import InputError
from PIL import Image


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def pictures(rng, *shape):
    return rng.integers(0, 256, shape, dtype=np.uint8)


def published(path, unit=None, of=None):
    """Read pictures as the published description says, by nothing of this package.

    Pictures lie line by line on a sheet; the files of the units are numbered from 1.
    """
    with tarfile.open(path) as tar:
        config = json.load(tar.extractfile("config.json"))
        name, part = {"training": ("training_set.png", "Train"), "factual": ("factual.png", "Gen")}.get(
            of, (f"leave_{unit}_out.png", "Gen")
        )  # fmt: skip
        height, width, channels = (
            config[f"{part}{side}"] for side in ("Height", "Width", "Channel")
        )
        sheet = np.asarray(Image.open(tar.extractfile(name)))
    found = [
        sheet[top : top + height, left : left + width].reshape(height, width, channels)
        for top in range(0, sheet.shape[0], height)
        for left in range(0, sheet.shape[1], width)
    ]
    return config, np.stack(found)


@pytest.mark.parametrize("channels", [1, 3])
def test_an_independent_reader_finds_every_picture(rng, tmp_path, channels):
    images = pictures(rng, 5, 6, 4, channels)
    factual, moved = pictures(rng, 3, 8, 2, channels), pictures(rng, 5, 3, 8, 2, channels)
    path = tmp_path / "a.ctf"
    order = np.array([2, 0, 1, 4, 3])  # which unit each image is
    write_universe(path, images=images, unit_of=order, factual=factual, counterfactuals=moved)
    config, found = published(path, of="training")
    assert config == {
        "Format": "ONEFILE", "TrainingUnits": 5, "NumberGenerated": 3,
        "TrainHeight": 6, "TrainWidth": 4, "TrainChannel": channels,
        "GenHeight": 8, "GenWidth": 2, "GenChannel": channels,
    }  # fmt: skip
    assert np.array_equal(found[order], images)
    assert np.array_equal(published(path, of="factual")[1], factual)
    for unit in range(5):
        assert np.array_equal(published(path, unit + 1)[1], moved[unit])
    with tarfile.open(path) as tar:
        assert tar.getnames() == [
            "config.json", "training_set.png", "factual.png",
            *(f"leave_{unit}_out.png" for unit in range(1, 6)),
        ]  # fmt: skip
    with open_universe(path) as universe:
        assert np.array_equal(universe.training()[0], found)
        assert np.array_equal(universe.factual(), factual)
        assert np.array_equal(np.stack(list(universe.counterfactuals())), moved)


def test_units_of_several_images_have_a_file_each(rng, tmp_path):
    images, unit_of = pictures(rng, 4, 4, 4, 1), np.array([1, 0, 1, 1])
    factual, moved = pictures(rng, 2, 4, 4, 1), pictures(rng, 2, 2, 4, 4, 1)
    path = tmp_path / "a.ctf"
    write_universe(path, images=images, unit_of=unit_of, factual=factual, counterfactuals=moved)
    with tarfile.open(path) as tar:
        assert {"train_1_1.png", "train_2_3.png"} <= set(tar.getnames())
        assert json.load(tar.extractfile("config.json"))["Format"] != "ONEFILE"
    with open_universe(path) as universe:
        found, of = universe.training()
        assert of.tolist() == [0, 1, 1, 1]
        assert np.array_equal(found, images[[1, 0, 2, 3]])


def png(array):
    content = io.BytesIO()
    Image.fromarray(array).save(content, "PNG")
    return content.getvalue()


CONFIG = {
    "Format": "ONEFILE", "TrainingUnits": 2, "NumberGenerated": 3, "TrainHeight": 4, "TrainWidth": 4,
    "TrainChannel": 1, "GenHeight": 4, "GenWidth": 4, "GenChannel": 1,
}  # fmt: skip


def files(**changes):
    """The files of a small universe, with changes by name; None leaves one out."""
    column = png(np.zeros((12, 4), np.uint8))
    named = {
        "config.json": json.dumps(CONFIG).encode(),
        "training_set.png": png(np.zeros((8, 4), np.uint8)),
        "factual.png": column,
        "leave_1_out.png": column,
        "leave_2_out.png": column,
    }
    return {name: content for name, content in (named | changes).items() if content is not None}


def pack(path, named, *more):
    with tarfile.open(path, "w") as tar:
        for name, content in named.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
        for entry in more:
            tar.addfile(entry)
    return path


def read(path):
    with open_universe(path) as universe:
        return universe.training(), universe.factual(), list(universe.counterfactuals())


def test_a_grid_is_read_line_by_line_and_in_any_order(tmp_path):
    grid = np.kron([[10, 20], [30, 0]], np.ones((4, 4))).astype(np.uint8)
    named = dict(reversed(files(**{"leave_2_out.png": png(grid)}).items()))
    _, factual, moved = read(pack(tmp_path / "a.ctf", named))
    assert factual.shape == (3, 4, 4, 1)
    assert moved[1][:, 0, 0, 0].tolist() == [10, 20, 30]
    assert not moved[0].any()


def config(**changes):
    return {"config.json": json.dumps(CONFIG | changes).encode()}


BOMB = png(np.zeros((4, 4), np.uint8)).replace(  # says it is huge
    (4).to_bytes(4, "big") * 2, (200_000).to_bytes(4, "big") * 2, 1
)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"../evil.png": b""}, "holds '../evil.png'"),
        ({"/etc/passwd": b""}, "holds '/etc/passwd'"),
        ({"leave_1_out.png/../x": b""}, "holds 'leave_1_out.png/../x'"),
        ({"factual.png": None}, "holds no factual.png"),
        ({"config.json": None}, "holds no config.json"),
        ({"leave_2_out.png": None}, "has 1 files like leave_"),
        ({"leave_2_out.png": None, "leave_3_out.png": b""}, "expected one for each unit from 1 to 2"),
        ({"config.json": b"[]"}, "config.json in"),
        ({"config.json": b"[" * 60_000}, "config.json in"),
        ({"config.json": b" " * 70_000}, "has 70000 bytes, expected at most 65536"),
        (config(GenWidth=0), "GenWidth in config.json of"),
        (config(TrainingUnits=True), "TrainingUnits in config.json of"),
        (config(NumberGenerated=10**9), "expected 1 to 100000"),
        (config(GenChannel=2), "expected 1 or 3"),
        (config(GenChannel=3), "is 4x12 L, expected 3 pictures of 4x4 RGB"),
        (config(NumberGenerated=4), "is 4x12 L, expected 4 pictures"),
        (config(NumberGenerated=2), "is 4x12 L, expected 2 pictures"),
        (config(Format="MANY"), "has 0 files like train_"),
        ({"factual.png": b"GIF89a"}, "is not a whole PNG"),
        ({"factual.png": png(np.zeros((12, 4), np.uint8))[:-30]}, "is not a whole PNG"),
        ({"factual.png": BOMB}, "factual.png in"),
    ],
)  # fmt: skip
def test_what_is_no_universe_is_refused_in_one_sentence(tmp_path, changes, words):
    path = pack(tmp_path / "a.ctf", files(**changes))
    with pytest.raises(InputError) as error:
        read(path)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert [file.name for file in tmp_path.iterdir()] == ["a.ctf"]


def test_links_doubles_and_other_files_are_refused(tmp_path):
    link = tarfile.TarInfo("factual.png")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with pytest.raises(InputError, match="expected only"):
        read(pack(tmp_path / "link.ctf", files(**{"factual.png": None}), link))
    with pytest.raises(InputError, match="and once"):
        read(pack(tmp_path / "twice.ctf", files(), tarfile.TarInfo("factual.png")))
    whole = pack(tmp_path / "whole.ctf", files()).read_bytes()
    read(tmp_path / "whole.ctf")
    for name, content in {"cut": whole[:3000], "text": b"no tar" * 200, "none": b""}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=f"{name} (is not a whole tar|is truncated|holds no)"):
            read(tmp_path / name)


def test_floats_are_kept_to_the_bit(rng, tmp_path):
    factual = rng.standard_normal((2, 1, 4, 4)).astype(np.float32)
    moved = rng.standard_normal((3, 2, 1, 4, 4)).astype(np.float32)
    names = np.array(["a", "b", "long name"])
    path = tmp_path / "a.npz"
    write_floats(path, unit_names=names, factual=factual, counterfactuals=iter(moved))
    with np.load(path, allow_pickle=False) as found:
        assert found["counterfactuals"].tobytes() == moved.tobytes()
        assert found["factual"].tobytes() == factual.tobytes()
        assert found["unit_names"].tolist() == names.tolist()


def test_a_missing_unit_writes_nothing(rng, tmp_path):
    images, moved = pictures(rng, 3, 4, 4, 1), pictures(rng, 2, 2, 4, 4, 1)
    arguments = {"images": images, "unit_of": np.arange(3), "factual": moved[0]}
    for wrong in (moved, pictures(rng, 3, 1, 4, 4, 1)):
        with pytest.raises(ValueError, match=r"counterfactuals for 3 units|has shape"):
            write_universe(tmp_path / "a.ctf", **arguments, counterfactuals=wrong)
    assert not list(tmp_path.iterdir())
