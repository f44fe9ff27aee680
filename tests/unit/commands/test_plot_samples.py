"""Figures of samples: each row with the distance of the set that it shows."""

import numpy as np
from encoded_ensembles.commands import plot_kept, plot_samples
from encoded_ensembles.figures import style
from encoded_ensembles.storage.files import write_arrays, write_table
from figure_checks import RNG, scores, texts


def test_a_row_of_samples_has_the_distance_of_the_very_set_it_shows(tmp_path, monkeypatch):
    """Issue 14.25: beside each row stood the mean over other keep masks."""
    table = scores()
    images = RNG.integers(0, 256, (len(table), 12, 4, 4, 1), np.uint8)
    write_table(tmp_path / "scores.parquet", table)
    write_arrays(tmp_path / "pictures.npz", {"images": images})
    drawn = []
    monkeypatch.setattr(style, "save", lambda figure, _: drawn.append(figure))
    plot_samples.plot_samples(
        tmp_path / "scores.parquet", tmp_path / "pictures.npz", tmp_path / "x.pdf"
    )
    (ax,) = drawn[0].axes
    said = [label.get_text() for label in ax.get_yticklabels()]
    assert said[0] == "real images\nFrechet distance 20.0 ± 0.2\n(15 images, not 20)"
    assert said[2] == "member 1\nFrechet distance 30.0 ± 0.3"
    assert said[4] == "ablated ensemble of 2\nFrechet distance 60.0 ± 0.6"
    order = (1, 0, 2, 8, 5, 6)
    shown = np.array([np.rint(255 * each.get_array()) for each in ax.images]).reshape(6, 12, 4, 4)
    places = [each.get_extent() for each in ax.images]
    assert places == sorted(places, key=lambda place: (place[3], place[0]))  # rows from the top
    for label, row, pictures in zip(said, order, shown, strict=True):
        assert f"distance {table['frechet'][row]:.1f} ±" in label
        assert np.array_equal(pictures, images[row, ..., 0])


def test_too_few_images_are_said_below_the_figures(tmp_path, monkeypatch):
    """Issue 14.20b: in the figures of samples and of members kept."""
    drawn = []
    monkeypatch.setattr(style, "save", lambda figure, _: drawn.append(figure))
    images = np.zeros((9, 12, 4, 4, 1), np.uint8)
    write_arrays(tmp_path / "pictures.npz", {"images": images})
    for singular in (True, False):
        write_table(tmp_path / "scores.parquet", scores(singular=singular))
        plot_samples.plot_samples(
            tmp_path / "scores.parquet", tmp_path / "pictures.npz", tmp_path / "x"
        )
        plot_kept.plot_kept(tmp_path / "scores.parquet", tmp_path / "x")
    said = [any("Too few images" in text for text in texts(figure)) for figure in drawn]
    assert said == [True, True, False, False]
