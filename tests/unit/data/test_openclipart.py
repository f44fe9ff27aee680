"""Clip art with its artists, from a miniature of the two packages."""

import numpy as np
import pytest
from encoded_ensembles.data import catalogue
from encoded_ensembles.data.sources import openclipart
from encoded_ensembles.storage.files import InputError
from PIL import Image

SVG = """<svg xmlns:dc="http://purl.org/dc/elements/1.1/">
<metadata><rdf:RDF><cc:Work><dc:title>A picture</dc:title>
<dc:creator
><cc:Agent rdf:about=""><dc:title>{artist}</dc:title></cc:Agent></dc:creator>
<dc:rights><cc:Agent><dc:title>Somebody else</dc:title></cc:Agent></dc:rights></cc:Work></rdf:RDF>
"""  # not closed, as some are


@pytest.fixture
def clip_art(tmp_path, monkeypatch):
    """Two pictures make an artist here; returns a function that draws one."""
    monkeypatch.setattr(openclipart, "FEWEST", 2)

    def draw(name, artist, colour, *, size=(8, 4)):
        for part in ("png", "svg"):
            (tmp_path / part / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGBA", size, colour).save(tmp_path / "png" / f"{name}.png")
        if artist is not None:
            (tmp_path / "svg" / f"{name}.svg").write_text(SVG.format(artist=artist))

    draw.folder = tmp_path
    return draw


def read(folder):
    return catalogue.load(
        "openclipart", path=folder, cache=folder, mirror=None, size=4, channels=3
    ).all


def test_artists_are_labels_and_what_does_not_count_is_left_out(clip_art, monkeypatch):
    monkeypatch.setattr(openclipart, "LARGEST", 1000)
    clip_art("animals/cat", "A &amp; B\n  Ltd.", "red")
    clip_art("animals/cow", "A &amp; B\n  Ltd.", "blue")
    clip_art("food/pie", "Ann", "green")
    clip_art("food/tart", "Ann", "yellow")
    clip_art("food/tart2", "Ann", "yellow")  # equal to an earlier one
    clip_art("food/huge", "Ann", "pink", size=(100, 100))
    clip_art("food/once", "Bob", "cyan")  # too few of his
    clip_art("food/once again", "Bob", "cyan")
    clip_art("stars/one", openclipart.FADED, "gold")
    clip_art("stars/two", openclipart.FADED, "silver")
    clip_art("who/one", "", "brown")
    clip_art("who/two", None, "black")
    images = read(clip_art.folder)
    assert dict(
        zip(images.names.tolist(), images.label_names[images.labels].tolist(), strict=True)
    ) == {
        "animals/cat.png": "A & B Ltd.",
        "animals/cow.png": "A & B Ltd.",
        "food/pie.png": "Ann",
        "food/tart.png": "Ann",
    }


def test_pictures_are_whole_amid_a_white_square(clip_art):
    clip_art("a/wide", "Ann", "red", size=(8, 4))
    clip_art("a/thin", "Ann", "blue", size=(1, 40))
    wide = read(clip_art.folder).images[1]
    white, red = [255, 255, 255], [255, 0, 0]
    assert wide[:, 0].tolist() == [white, red, red, white]


def test_missing_packages(tmp_path, clip_art):
    with pytest.raises(InputError, match="install the Debian packages openclipart-png"):
        read(tmp_path / "nowhere")
    clip_art("a/one", "Ann", "red")
    with pytest.raises(InputError, match="holds no artist with 2 images"):
        read(clip_art.folder)


def test_no_entity_of_a_drawing_is_followed():
    bomb = b'<!DOCTYPE a [<!ENTITY b "xx"><!ENTITY c "&b;&b;">]>'
    drawing = bomb + b"<dc:creator><dc:title>&c;&amp;</dc:title></dc:creator>"
    assert openclipart.read_artist(drawing) == "&c;&"
    assert np.array_equal(
        openclipart.frequent(np.zeros((3, 1, 1, 1), np.uint8), np.array(["a"] * 3)), []
    )
