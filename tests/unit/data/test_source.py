"""Albums read the images that are taken, and no others."""

import numpy as np
from encoded_ensembles.data import source


def test_an_album_reads_only_the_images_that_are_taken():
    read = []

    def read_image(position):
        read.append(position)
        return np.full((2, 2, 1), position, np.uint8)

    names = np.array(["a", "b", "c", "d"])
    album = source.Album(np.array([0, 1, 1, 0]), np.array(["x", "y"]), names, (2, 2, 1), read_image)
    taken = album.take(np.array([3, 1]))
    assert read == [3, 1]
    assert taken.images[:, 0, 0, 0].tolist() == [3, 1]
    assert (taken.names.tolist(), taken.labels.tolist()) == (["d", "b"], [0, 1])
