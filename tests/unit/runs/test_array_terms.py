"""Bytes of arrays that several rules hold."""

from encoded_ensembles.runs import array_terms
from encoded_ensembles.runs.size import Size


def test_terms_by_hand():
    """All six words of four members, 8 bytes for each member's bit; and what is free of them."""
    config = {"code": {"family": "random", "members": 4, "weight": 2}}
    size = Size(images=20, units=4, shape=(1, 8, 8), seen=(1, 8, 8), weights=0)
    assert array_terms.words(config) == 4 * 8 * 6
    assert [array_terms.free_words(config, size, limit) for limit in (1, 9)] == [1, 2]
    shared = {"code": config["code"] | {"family": "partition"}}
    assert (array_terms.words(shared), array_terms.free_words(shared, size, 9)) == (0, 0)
    assert array_terms.read(config, size) == 20 * (64 + 4 * 150)
    assert array_terms.table(10, 3) == 10 * (2 * 8 * 3 + 2 * 150)
