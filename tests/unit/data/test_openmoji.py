"""Pictograms of two vendors with the same captions, from miniatures of their packages."""

import hashlib
import io
import json
import tarfile

import numpy as np
import pytest
from encoded_ensembles.data import catalogue
from encoded_ensembles.data.sources import download, openmoji
from encoded_ensembles.data.sources.openmoji import Pictograms
from encoded_ensembles.data.units import Grouping, assign_units
from encoded_ensembles.storage.files import InputError

SIZE = 8


def svg(colour, *, side=4):
    """Return a drawing of which the left half is coloured."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}">'
        f'<rect width="{side / 2}" height="{side}" fill="{colour}"/></svg>'
    ).encode()


def entry(hexcode, annotation, author, group, skintone=""):
    return {
        "hexcode": hexcode, "annotation": annotation, "openmoji_author": author, "group": group,
        "skintone": skintone, "tags": "",
    }  # fmt: skip


TABLE = [
    entry("1F600", "grinning  face", "Ann", "smileys"),
    entry("0023-FE0F-20E3", "keycap: #", " Bo\u0308b ", "symbols"),
    entry("2764-FE0F-200D-1F525", "heart on fire", "B\u00f6b", "smileys"),
    entry("E000", "a logo", "", "extras"),
    entry("1F44B-1F3FB", "waving hand: light", "Ann", "people", 1),
]
COLOURS = ("red", "lime", "blue", "black", "yellow")
OWN = {
    "package/data/openmoji.json": json.dumps(TABLE).encode(),
    "package/black/svg/1F600.svg": svg("gray"),
    **{
        f"package/color/svg/{each['hexcode']}.svg": svg(colour)
        for each, colour in zip(TABLE, COLOURS, strict=True)
    },
}
OTHER = {
    "package/1f600.svg": svg("aqua", side=6),
    "package/23-20e3.svg": svg("navy"),
    "package/2764-fe0f-200d-1f525.svg": svg("teal"),
    "package/1f44b-1f3fb.svg": svg("olive"),
    "package/e50a.svg": svg("white"),
    "package/package.json": b"{}",
}


def pack(files):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        link = tarfile.TarInfo("package/color/svg/1F999.svg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return content.getvalue()


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """A folder with the two packages, whose digests are those expected."""
    folder = tmp_path / "packages"
    folder.mkdir()

    def put(vendor, content):
        known = openmoji.VENDORS[vendor]
        (folder / known.file).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        monkeypatch.setitem(openmoji.VENDORS, vendor, known._replace(sha256=digest))

    put("openmoji", pack(OWN))
    put("twemoji", pack(OTHER))
    put.folder = folder
    monkeypatch.setattr(download, "PAUSES", ())
    return put


def read(folder, *, cache=None, mirror=None, captioned=True, channels=3, **chosen):
    return catalogue.load(
        "openmoji", path=folder, cache=cache, mirror=mirror, size=SIZE, channels=channels,
        captioned=captioned, pictograms=Pictograms(**chosen),
    )  # fmt: skip


def everything(source):
    return source.all.take(np.arange(len(source.all.names)))


def test_names_labels_and_captions(packages):
    source = read(packages.folder)
    assert source.all.names.tolist() == [
        f"openmoji/{each['hexcode']}" for each in TABLE if not each["skintone"]
    ]
    labels = source.all.label_names[source.all.labels]
    assert labels.tolist() == ["Ann", "B\u00f6b", "B\u00f6b", "unknown"]
    assert source.captions.texts.tolist() == [
        "grinning face", "keycap: #", "heart on fire", "a logo",
    ]  # fmt: skip
    assert "CC BY-SA 4.0" in source.licence
    assert "CC BY 4.0" not in source.licence
    assert not source.test.any()


def test_skin_tones_are_taken_on_request(packages):
    names = read(packages.folder, skin_tones=True).all.names.tolist()
    assert names == [f"openmoji/{each['hexcode']}" for each in TABLE]


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("author", ["Ann", "B\u00f6b", "B\u00f6b", "unknown", "Twemoji", "Twemoji", "Twemoji"]),
        ("group", ["smileys", "symbols", "smileys", "extras", "smileys", "symbols", "smileys"]),
        ("vendor", ["openmoji"] * 4 + ["twemoji"] * 3),
    ],
)
def test_two_vendors_have_the_same_captions(packages, label, expected):
    source = read(packages.folder, vendors=("openmoji", "twemoji"), label=label)
    assert source.all.label_names[source.all.labels].tolist() == expected
    caption = dict(zip(source.all.names.tolist(), source.captions.texts.tolist(), strict=True))
    for hexcode in ("1F600", "0023-FE0F-20E3", "2764-FE0F-200D-1F525"):
        assert caption[f"twemoji/{hexcode}"] == caption[f"openmoji/{hexcode}"]
    assert len(caption) == 7  # Twemoji has no E000
    assert "CC BY 4.0 (graphics of Twemoji" in source.licence


def test_units_are_pictures_authors_or_vendors(packages):
    images = everything(read(packages.folder, vendors=("openmoji", "twemoji")))
    names = {by: assign_units(images, Grouping(by)).names.tolist() for by in ("label", "folder")}
    assert names["label"] == ["Ann", "B\u00f6b", "Twemoji", "unknown"]
    assert names["folder"] == ["openmoji", "twemoji"]
    assert len(assign_units(images, Grouping("image")).names) == 7


def test_pixels_are_on_white_and_do_not_depend_on_what_else_is_read(packages):
    images = everything(read(packages.folder, vendors=("openmoji", "twemoji")))
    assert images.images.shape == (7, SIZE, SIZE, 3)
    red, white = [255, 0, 0], [255, 255, 255]
    assert images.images[0].tolist() == [[red] * 4 + [white] * 4] * SIZE
    aqua = images.images[4, 0]
    assert aqua.tolist() == [[0, 255, 255]] * 4 + [white] * 4
    alone = everything(read(packages.folder, vendors=("twemoji",)))
    assert np.array_equal(alone.images, images.images[4:])
    assert alone.names.tolist() == images.names[4:].tolist()
    plain = everything(read(packages.folder, captioned=False))
    assert np.array_equal(plain.images, images.images[:4])
    assert read(packages.folder, captioned=False).captions is None
    grey = everything(read(packages.folder, channels=1))
    assert grey.images.shape == (4, SIZE, SIZE, 1)


def test_edges_are_antialiased_by_the_mean_of_finer_pixels():
    """By hand: a black triangle over half of one pixel leaves it half grey."""
    drawing = (
        b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path d="M0 0H1L0 1Z"/></svg>'
    )
    pixel = openmoji.render(drawing, name="half", size=1, channels=1)
    assert pixel.shape == (1, 1, 1)
    assert abs(int(pixel[0, 0, 0]) - 127) <= 8  # of 16 finer pixels, four lie on the edge


def test_a_drawing_that_is_not_square_is_centred_on_white():
    drawing = (
        b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 2"><path d="M0 0H4V2H0Z"/></svg>'
    )
    rows = openmoji.render(drawing, name="wide", size=4, channels=1)[..., 0]
    assert rows.tolist() == [[255] * 4, [0] * 4, [0] * 4, [255] * 4]


def test_text_of_a_drawing_uses_no_fonts_of_the_machine():
    drawing = (
        b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><text y="9">W</text></svg>'
    )
    assert (openmoji.render(drawing, name="text", size=4, channels=1) == 255).all()


@pytest.mark.parametrize(
    ("hexcode", "other"),
    [
        ("1F600", "1f600"), ("0023-FE0F-20E3", "23-20e3"), ("1F441-FE0F-200D-1F5E8-FE0F", "1f441-200d-1f5e8"),
        ("2764-FE0F-200D-1F525", "2764-fe0f-200d-1f525"), ("00A9", "a9"),
    ],
)  # fmt: skip
def test_vendors_write_the_same_code_points_differently(hexcode, other):
    assert openmoji.code_points(hexcode) == openmoji.code_points(other)


def test_packages_are_downloaded_once(packages, serve, tmp_path):
    cache, mirror = tmp_path / "cache", serve(packages.folder)
    first = read(None, cache=cache, mirror=f"{mirror}/", vendors=("openmoji", "twemoji"))
    files = sorted(file.name for file in (cache / "openmoji").iterdir())
    assert files == ["openmoji-17.0.0.tgz", "twemoji-svg-15.0.0.tgz"]
    assert first.origin == f"{mirror}/"
    offline = read(None, cache=cache, mirror="http://127.0.0.1:9", vendors=("twemoji",))
    assert np.array_equal(everything(offline).images, everything(first).images[4:])


def test_a_download_resumes(packages, serve, tmp_path):
    target = tmp_path / "cache/openmoji/openmoji-17.0.0.tgz"
    target.parent.mkdir(parents=True)
    whole = (packages.folder / target.name).read_bytes()
    target.with_name(f".{target.name}.part").write_bytes(whole[:100])
    read(None, cache=tmp_path / "cache", mirror=serve(packages.folder))
    assert target.read_bytes() == whole
    assert [file.name for file in target.parent.iterdir()] == [target.name]


def test_a_wrong_or_missing_download(packages, serve, tmp_path):
    mirror = serve(packages.folder)
    (packages.folder / "openmoji-17.0.0.tgz").write_bytes(b"something else")
    with pytest.raises(InputError, match=r"openmoji-17.0.0.tgz could not be downloaded: .*sha256"):
        read(None, cache=tmp_path / "cache", mirror=mirror)
    assert not (tmp_path / "cache/openmoji/openmoji-17.0.0.tgz").exists()
    (packages.folder / "openmoji-17.0.0.tgz").unlink()
    with pytest.raises(InputError, match="answers 404"):
        read(None, cache=tmp_path / "cache", mirror=mirror)


def test_npm_fetches_packages_without_a_mirror(packages, tmp_path, monkeypatch):
    npm = tmp_path / "bin/npm"
    npm.parent.mkdir()
    npm.write_text(f"#!/bin/sh\ncp {packages.folder}/openmoji-17.0.0.tgz .\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{npm.parent}:/usr/bin:/bin")
    source = read(None, cache=tmp_path / "cache")
    assert source.origin == "npm: openmoji@17.0.0"
    assert len(source.all.names) == 4


def test_a_folder_without_the_packages(packages, tmp_path):
    with pytest.raises(InputError, match=r"openmoji-17.0.0.tgz is missing, .*npm pack"):
        read(tmp_path)
    (packages.folder / "twemoji-svg-15.0.0.tgz").write_bytes(b"another")
    assert len(read(packages.folder).all.names) == 4  # not needed
    with pytest.raises(InputError, match=r"has sha256 .* expected"):
        read(packages.folder, vendors=("twemoji",))


@pytest.mark.parametrize(
    "table", [None, b"[", b"{}x", b'[{"hexcode": "1F600"}]', b"[3]", b'[{"hexcode": "1F600", "annotation": 3}]']
)  # fmt: skip
def test_a_package_without_its_table(packages, table):
    files = {name: data for name, data in OWN.items() if not name.endswith(".json")}
    packages("openmoji", pack(files | ({"package/data/openmoji.json": table} if table else {})))
    with pytest.raises(InputError, match=r"holds no table package/data/openmoji.json with hexcode"):
        read(packages.folder)


def test_damaged_packages_and_drawings(packages):
    packages("openmoji", pack(OWN)[:200])
    with pytest.raises(InputError, match=r"openmoji-17.0.0.tgz cannot be read as an archive"):
        read(packages.folder)
    packages("openmoji", pack(OWN | {"package/color/svg/1F600.svg": b"<svg"}))
    with pytest.raises(InputError, match=r"openmoji/1F600 cannot be rendered"):
        everything(read(packages.folder))
    packages("openmoji", pack(OWN | {"package/color/svg/1F600.svg": b"\xff\xfe"}))
    with pytest.raises(InputError, match=r"openmoji/1F600 cannot be rendered"):
        everything(read(packages.folder))


def test_unknown_vendors_and_labels(packages):
    for vendors in ((), ("noto",), ("openmoji", "openmoji")):
        with pytest.raises(InputError, match=r"vendors is .* one or more of openmoji, twemoji"):
            read(packages.folder, vendors=vendors)
    with pytest.raises(InputError, match="label is artist, expected one of author, group, vendor"):
        read(packages.folder, label="artist")


def test_published_digests_are_whole():
    for vendor in openmoji.VENDORS.values():
        assert len(bytes.fromhex(vendor.sha256)) == 32
        assert vendor.package.endswith(vendor.file.rpartition("-")[2].removesuffix(".tgz"))
