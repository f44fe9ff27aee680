"""CIFAR-10, CIFAR-100 and ArtBench-10 from miniatures of their archives."""

import hashlib
import io
import tarfile

import numpy as np
import pytest
from encoded_ensembles.data.sources import cifar
from encoded_ensembles.storage.files import InputError


def record(rng, labels):
    return bytes(labels) + rng.integers(0, 256, 3072, np.uint8).tobytes()


def write_archive(folder, known, members):
    with tarfile.open(folder / known.file, "w:gz") as archive:
        for name, blob in members.items():
            member = tarfile.TarInfo(f"{known.folder}/{name}")
            member.size = len(blob)
            archive.addfile(member, io.BytesIO(blob))
    digest = hashlib.sha256((folder / known.file).read_bytes()).hexdigest()
    return known._replace(digest=known.digest and f"sha256:{digest}")


@pytest.fixture
def ten(tmp_path):
    """CIFAR-10 with two images a batch."""
    rng = np.random.default_rng(0)
    members = {
        name: record(rng, [i % 3]) + record(rng, [2])
        for i, name in enumerate([*cifar.BATCHES, "test_batch.bin"])
    } | {"batches.meta.txt": b"airplane\nbird\ncat\n\n"}
    return write_archive(tmp_path, cifar.CIFAR10, members), members


def test_cifar10(ten, tmp_path, serve):
    known, members = ten
    source = cifar.load_archive(known, tmp_path, tmp_path, None)
    assert source.all.images.shape == (12, 32, 32, 3)
    assert source.test.tolist() == [False] * 10 + [True] * 2
    assert source.all.names[[0, 9, 10]].tolist() == ["train/00000", "train/00009", "test/00000"]
    assert source.all.label_names[source.all.labels[:4]].tolist() == [
        "airplane",
        "cat",
        "bird",
        "cat",
    ]
    blob = members["data_batch_1.bin"]
    # The second row of the first image's red, then its first green value.
    assert source.all.images[0, 1, :, 0].tobytes() == blob[1 + 32 : 1 + 64]
    assert source.all.images[0, 0, 0, 1] == blob[1 + 1024]
    fetched = cifar.load_archive(known, None, tmp_path / "cache", serve(tmp_path))
    assert np.array_equal(fetched.all.images, source.all.images)


def test_cifar100_takes_the_fine_label(tmp_path):
    rng = np.random.default_rng(0)
    members = {
        "train.bin": record(rng, [9, 1]) + record(rng, [9, 0]),
        "test.bin": record(rng, [9, 1]),
        "fine_label_names.txt": b"apple\nbear\n",
    }
    known = write_archive(tmp_path, cifar.CIFAR100, members)
    source = cifar.load_archive(known, tmp_path, tmp_path, None)
    assert source.all.label_names[source.all.labels].tolist() == ["bear", "apple", "bear"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda members: members.pop("test_batch.bin"), "is not a whole archive with"),
        (
            lambda members: members.update({"data_batch_2.bin": b"x" * 3072}),
            r"In .*cifar-10-binary.tar.gz, a batch .* a multiple of 3073; delete its archive and run again",
        ),
        (
            lambda members: members.update({"batches.meta.txt": b"airplane"}),
            "has label 2, expected",
        ),
        (
            lambda members: members.update({"batches.meta.txt": b"a" * 70_000}),
            "at most 65536 bytes",
        ),
    ],
)
def test_archives_that_do_not_hold_what_they_should(ten, tmp_path, change, message):
    known, members = ten
    change(members)
    known = write_archive(tmp_path, known, members)
    with pytest.raises(InputError, match=message):
        cifar.load_archive(known, tmp_path, tmp_path, None)


def test_damaged_archives(ten, tmp_path):
    known, _ = ten
    file = tmp_path / known.file
    whole = file.read_bytes()
    file.write_bytes(whole[:-100])
    with pytest.raises(InputError, match=r"has sha256 .* expected"):
        cifar.load_archive(known, tmp_path, tmp_path, None)
    with pytest.raises(
        InputError,
        match=r"cifar-10-binary.tar.gz is not a whole archive .*; delete it and run again",
    ):
        cifar.load_archive(known._replace(digest=None), tmp_path, tmp_path, None)
    file.unlink()
    with pytest.raises(InputError, match=r"expected a folder with cifar-10-binary.tar.gz"):
        cifar.load_archive(known, tmp_path, tmp_path, None)


def test_an_archive_can_put_no_file_anywhere(tmp_path):
    """A link in the place of a batch, and members that point out of the folder."""
    known = cifar.CIFAR10._replace(digest=None)
    with tarfile.open(tmp_path / known.file, "w:gz") as archive:
        link = tarfile.TarInfo(f"{known.folder}/data_batch_1.bin")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        for name in ("../escaped", "/tmp/escaped-absolute"):
            member = tarfile.TarInfo(name)
            member.size = 1
            archive.addfile(member, io.BytesIO(b"x"))
    before = sorted(tmp_path.parent.rglob("*"))
    with pytest.raises(InputError, match="is not a plain file"):
        cifar.load_archive(known, tmp_path, tmp_path, None)
    assert sorted(tmp_path.parent.rglob("*")) == before


@pytest.fixture
def paintings(tmp_path, monkeypatch):
    """ArtBench-10 with one image a batch, in the folder returned."""
    rng = np.random.default_rng(0)
    members = {name: record(rng, [i % 2]) for i, name in enumerate(cifar.BATCHES)}
    members |= {"test_batch.bin": record(rng, [1]), "batches.meta.txt": b"baroque\nrealism\n"}
    write_archive(tmp_path, cifar.ARTBENCH, members)
    rows = ["name,artist,url,is_public_domain,length,width,label,split,cifar_index"]
    for i, artist in enumerate(["rubens", "courbet", "rubens", "NA", "hals"]):
        style = ["baroque", "realism"][i % 2]
        rows.append(f"p{i}.jpg,{artist},http://x,True,9,9,{style},train,{i}")
    rows.append('q.jpg,"courbet, pupil of",http://x,True,9,9,realism,test,0')
    (tmp_path / "ArtBench-10.csv").write_text("\n".join(rows))
    return tmp_path


def test_artbench(paintings):
    source = cifar.load_artbench(paintings, paintings, None)
    artists = source.all.label_names[source.all.labels].tolist()
    assert artists == ["rubens", "courbet", "rubens", "NA", "hals", "courbet, pupil of"]
    assert source.test.tolist() == [False] * 5 + [True]


def test_artbench_table_of_other_batches(paintings):
    table = paintings / "ArtBench-10.csv"
    table.write_text(table.read_text().replace("realism,train,1", "baroque,train,1"))
    with pytest.raises(InputError, match="for 1 images, such as train/00001"):
        cifar.load_artbench(paintings, paintings, None)
    table.write_text("<html>")
    with pytest.raises(InputError, match="cannot be read as a table with artist"):
        cifar.load_artbench(paintings, paintings, None)
