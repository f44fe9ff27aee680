"""The samples of the ensemble, of its members and under null code words, written as they are drawn."""

from pathlib import Path

import numpy as np
from encoded_ensembles.commands.sample_ensemble import sample_ensemble
from encoded_ensembles.ensemble import engine, sampling
from encoded_ensembles.members.latents import PIXELS
from encoded_ensembles.storage import files


def test_each_tensor_holds_the_samples_of_its_masks(monkeypatch, tmp_path):
    """Three members, a full model and two null words; a sample is the number that its mask spells."""
    made = {"noise": np.zeros((1, 2, 1, 2, 2)), "space": PIXELS}
    monkeypatch.setattr(engine, "prepare", lambda *_, **__: made)

    def sampled(keep, **_):
        numbers = keep @ 2.0 ** np.arange(4)
        for group in np.array_split(numbers, 3):
            yield np.broadcast_to(group[:, None, None, None, None], (len(group), 2, 1, 2, 2))

    monkeypatch.setattr(sampling, "sample_groups", sampled)
    null = np.array([[True, False, False], [False, True, False]])
    files.write_arrays(tmp_path / "code.npz", {"null_words": null})
    output = tmp_path / "samples.safetensors"
    sample_ensemble(
        [Path(f"{m:02d}") for m in range(3)], code=tmp_path / "code.npz", noise=Path("noise"),
        full=Path("full"), output=output,
    )  # fmt: skip
    found = files.read_tensors(output)
    expected = {"factual": 7, "full": 8, "members": [1, 2, 4], "null": [6, 5]}
    assert found.keys() == expected.keys()
    for name, numbers in expected.items():
        shape = (*np.shape(numbers), 2, 1, 2, 2)
        wanted = np.float32(numbers).reshape(*np.shape(numbers), 1, 1, 1, 1)
        assert np.array_equal(found[name], np.broadcast_to(wanted, shape)), name
