"""Data sets by their names, and which part of them is trained on."""

import numpy as np
import pytest
from encoded_ensembles.data import catalogue
from encoded_ensembles.data.source import Source
from encoded_ensembles.data.sources import mnist
from encoded_ensembles.storage.files import InputError


def test_digits():
    source = catalogue.load_digits(None, None, None)
    assert source.all.images.shape == (1797, 8, 8, 1)
    assert (source.all.images.min(), source.all.images.max()) == (0, 255)
    assert len(set(source.all.names)) == 1797


def test_mnist5k():
    source = catalogue.load_mnist5k(None, None, None)
    assert source.all.images.shape == (5000, 28, 28, 1)
    assert np.bincount(source.all.labels).tolist() == [500] * 10


def load(name, **asked):
    return catalogue.load(
        name,
        **{"path": None, "cache": None, "mirror": None, "size": None, "channels": None} | asked,
    )


def test_the_part_that_is_trained_on(monkeypatch):
    digits = catalogue.load_digits(None, None, None)
    parted = Source(digits.all, np.arange(1797) >= 1000, "", "")
    monkeypatch.setitem(catalogue.ARRAYS, "mnist", lambda path, cache, mirror: parted)
    assert load("mnist").test.sum() == 797
    assert load("mnist", part="test").test.sum() == 1000
    assert not load("mnist", part="all").test.any()
    with pytest.raises(InputError, match="expected train, test or all"):
        load("digits", part="both")
    with pytest.raises(InputError, match="digits has no test part"):
        load("digits", part="test")


def test_unknown_names_and_pictures_without_a_size():
    with pytest.raises(InputError, match="expected one of digits"):
        load("imagenet")
    with pytest.raises(InputError, match="needs --size"):
        load("celeba")


def test_every_name_of_the_schema_is_a_data_set(schema):
    names = schema["properties"]["dataset"]["properties"]["name"]["enum"]
    assert sorted(names) == sorted([*catalogue.ARRAYS, *catalogue.PICTURES])


def test_published_digests_are_whole():
    for known in (mnist.MNIST, mnist.FASHION_MNIST):
        assert all(len(bytes.fromhex(digest)) == 32 for digest in known.sha256.values())
