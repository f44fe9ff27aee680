"""The sum of all counterfactuals, which `matched` compares each with."""

import numpy as np
import pytest
from encoded_ensembles.commands import measure_influence
from encoded_ensembles.storage.files import InputError, write_tensors
from encoded_ensembles.storage.tensor_parts import PartedTensor


def test_the_sum_is_that_of_the_whole_landscape(tmp_path):
    """To the byte; a block that is passed twice counts once, and a missing one is an error."""
    drawn = np.random.default_rng(0).standard_normal((9, 2, 1, 3, 3)).astype(np.float32)
    names = np.array(list("abcde"))
    blocks = [tmp_path / "1", tmp_path / "2"]
    for block, units in zip(blocks, np.array_split(np.arange(5), 2), strict=True):
        write_tensors(block, {"units": units, "counterfactuals": drawn[4 + units]})
    for words in (4, 0):
        write_tensors(tmp_path / "samples", {"null": drawn[4 - words : 4]})
        null = PartedTensor(tmp_path / "samples", "null")
        total = measure_influence._add_up([*blocks, blocks[0]], null, names)
        assert np.array_equal(total, drawn[4 - words :].sum(axis=0, dtype=np.float64))
    with pytest.raises(InputError, match=r"unit 3 \(d\) is in no block"):
        measure_influence._add_up(blocks[:1], null, names)
