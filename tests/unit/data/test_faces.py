"""CelebA and MetFaces from miniatures in their own layout."""

import hashlib
import io
import json
import zipfile

import numpy as np
import pytest
from encoded_ensembles.data import catalogue, selection
from encoded_ensembles.data.sources import faces
from encoded_ensembles.storage.files import InputError
from PIL import Image


def picture(colour, *, size=(178, 218), kind="PNG"):
    blob = io.BytesIO()
    Image.new("RGB", size, colour).save(blob, kind)
    return blob.getvalue()


PERSONS = [30, 7, 30, 8, 7, 30]  # of six faces, the last of which is of the test part


@pytest.fixture
def celeba(tmp_path, monkeypatch):
    names = [f"{i:06d}.jpg" for i in range(1, 7)]
    with zipfile.ZipFile(tmp_path / "img_align_celeba.zip", "w") as archive:
        for i, name in enumerate(names):
            archive.writestr(f"img_align_celeba/{name}", picture((40 * i, 0, 0), kind="JPEG"))
    lines = [f"{name} {person}" for name, person in zip(names, PERSONS, strict=True)]
    (tmp_path / "identity_CelebA.txt").write_text("\n".join(lines) + "\n")
    parts = [f"{name} {i // 5}" for i, name in enumerate(names)]
    (tmp_path / "list_eval_partition.txt").write_text("\n".join(parts) + "\n")
    reseal(tmp_path, monkeypatch)
    return tmp_path


def reseal(folder, monkeypatch):
    digests = {
        name: f"md5:{hashlib.md5((folder / name).read_bytes()).hexdigest()}"
        for name in faces.CELEBA
    }
    monkeypatch.setattr(faces, "CELEBA", digests)


def load(name, folder, **asked):
    asked = {"path": folder, "cache": folder, "mirror": None, "size": 8, "channels": 3} | asked
    return catalogue.load(name, **asked)


def test_celeba_labels_are_persons(celeba):
    source = load("celeba", celeba)
    assert source.all.label_names.tolist() == ["7", "8", "30"]
    assert source.all.label_names[source.all.labels].tolist() == [str(p) for p in PERSONS]
    assert source.test.tolist() == [False] * 5 + [True]
    taken = source.all.take(np.array([2, 0]))
    assert taken.names.tolist() == ["celeba/000003.jpg", "celeba/000001.jpg"]
    assert taken.images.shape == (2, 8, 8, 3)
    assert abs(int(taken.images[0, 4, 4, 0]) - 80) <= 2
    assert len(source.all.take(np.array([], np.int64)).images) == 0


def test_celeba_by_whole_persons(celeba):
    source = load("celeba", celeba)
    chosen = selection.choose(source, images=None, heldout=1, spare=0, seed=0, labels=2)
    labels = source.all.labels[chosen.training]
    assert len(np.unique(labels)) == 2
    assert len(labels) == sum(
        PERSONS[:5].count(p) for p in source.all.label_names[np.unique(labels)].astype(int)
    )
    with pytest.raises(InputError, match=r"dataset.labels is 4, expected at most 3"):
        selection.choose(source, images=None, heldout=1, spare=0, seed=0, labels=4)


def test_celeba_from_a_mirror(celeba, serve, tmp_path):
    source = load("celeba", None, cache=tmp_path / "cache", mirror=serve(celeba))
    assert len(source.all.names) == 6


def test_celeba_damaged(celeba, monkeypatch, tmp_path):
    (celeba / "identity_CelebA.txt").write_text("000001.jpg who\n")
    with pytest.raises(InputError, match=r"identity_CelebA.txt has md5 .* expected"):
        load("celeba", celeba)
    reseal(celeba, monkeypatch)
    with pytest.raises(InputError, match=r"line 1 of .* is '000001.jpg who', expected"):
        load("celeba", celeba)
    (celeba / "identity_CelebA.txt").write_text("000001.jpg 3\n")
    reseal(celeba, monkeypatch)
    with pytest.raises(InputError, match="list different pictures"):
        load("celeba", celeba)
    with pytest.raises(InputError, match=r"download img_align_celeba.zip, .* by hand from https"):
        load("celeba", tmp_path / "nowhere")


def test_celeba_zip_that_unpacks_without_end(celeba, monkeypatch):
    monkeypatch.setattr(faces, "LARGEST_PICTURE", 1000)
    with zipfile.ZipFile(celeba / "img_align_celeba.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(1, 7):
            archive.writestr(f"img_align_celeba/{i:06d}.jpg", bytes(1_000_000))
    reseal(celeba, monkeypatch)
    with pytest.raises(InputError, match=r"img_align_celeba/000001.jpg cannot be read as an image"):
        load("celeba", celeba).all.take(np.array([0]))


@pytest.fixture
def metfaces(tmp_path):
    (tmp_path / "images").mkdir()
    entries = []
    for i, artist in enumerate(["Hals", "", "Hals"]):
        blob = picture((0, 60 * i, 0), size=(20, 20))
        path = f"images/{9 - i}-00.png"
        (tmp_path / path).write_bytes(blob)
        entries.append(
            {
                "obj_id": str(9 - i),
                "image_path": path,
                "image_md5": hashlib.md5(blob).hexdigest(),
                "artist_display_name": artist,
                "face_spec": {"shrink": 2},
            }
        )
    (tmp_path / "metfaces.json").write_text(json.dumps(entries))
    return tmp_path


def test_metfaces(metfaces):
    images = load("metfaces", metfaces).all.take(np.arange(3))
    assert images.names.tolist() == ["images/7-00.png", "images/8-00.png", "images/9-00.png"]
    assert images.label_names[images.labels].tolist() == ["Hals", "unknown, 8", "Hals"]
    assert images.images[:, 0, 0, 1].tolist() == [120, 60, 0]


def test_metfaces_damaged(metfaces):
    (metfaces / "images/7-00.png").write_bytes(picture("red"))
    with pytest.raises(InputError, match=r"7-00.png has md5 .* expected"):
        load("metfaces", metfaces).all.take(np.arange(3))
    (metfaces / "images/7-00.png").unlink()
    with pytest.raises(InputError, match=r"7-00.png cannot be read"):
        load("metfaces", metfaces).all.take(np.arange(3))
    table = metfaces / "metfaces.json"
    table.write_text(table.read_text().replace("images/7-00.png", "../../etc/passwd"))
    with pytest.raises(InputError, match=r"names ../../etc/passwd, expected a picture in"):
        load("metfaces", metfaces)
    table.write_text('{"a": 1}')
    with pytest.raises(InputError, match="expected the list of MetFaces"):
        load("metfaces", metfaces)
    table.unlink()
    with pytest.raises(InputError, match=r"download metfaces.json and images by hand"):
        load("metfaces", metfaces)
