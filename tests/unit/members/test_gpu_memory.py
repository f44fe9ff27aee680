"""What is said when the memory of a GPU runs out. None is needed: networks here hold so many images."""

import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from encoded_ensembles import cli
from encoded_ensembles.ensemble import sampling
from encoded_ensembles.members import batches, gpu_memory, training
from encoded_ensembles.storage.files import InputError

SAID = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 8 GiB."


class Limited(torch.nn.Module):
    """A network that runs out of memory above so many images; it predicts half of what it is given."""

    def __init__(self, holds):
        super().__init__()
        self.holds, self.asked = holds, []
        self.weight = torch.nn.Parameter(torch.tensor(0.5))
        self.config = SimpleNamespace(num_class_embeds=None, dropout=0.0)

    def forward(self, x, level, class_labels=None):
        self.asked.append(len(x))
        if len(x) > self.holds:
            raise torch.OutOfMemoryError(SAID)
        return SimpleNamespace(sample=self.weight * x)


def test_sampling_names_the_batch():
    with pytest.raises(InputError) as caught:
        sampling.predict(
            Limited(40),
            torch.zeros(100, 1, 4, 4),
            torch.tensor(5),
            numbers=torch.arange(100),
            batch=64,
        )
    assert str(caught.value) == (
        "CUDA out of memory with 64 images at once; lower sampling.batch (--batch), or "
        "give the job a larger GPU, or a GPU to itself."
    )


def test_training_names_the_steps():
    recipe = batches.Recipe(3, 2, 1e-3, 0.9, "float32", 0)
    images, names = np.zeros((10, 4, 4, 1), np.uint8), [str(n) for n in range(10)]
    with pytest.raises(InputError, match=r"raise training.steps_per_epoch from 2, lower model.wid"):
        training.train(Limited(0), images, names, recipe=recipe, device=torch.device("cpu"))


def test_other_mistakes_are_not_touched():
    with (
        pytest.raises(ValueError, match="domain"),
        gpu_memory.explain_full_memory(4, "nothing helps"),
    ):
        math.sqrt(-1)


def test_elsewhere_it_is_one_sentence_too(monkeypatch):
    def run():
        raise torch.OutOfMemoryError(SAID)

    monkeypatch.setattr(cli, "application", lambda names: run)
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert str(caught.value) == (
        "encens: error: CUDA out of memory; give the job a larger GPU, or a GPU to itself."
    )

    def wrong():
        return sys.modules["torch"].zeros(2) @ torch.zeros(3)

    monkeypatch.setattr(cli, "application", lambda names: wrong)
    with pytest.raises(RuntimeError, match="inconsistent"):
        cli.main()


def test_a_single_image_cannot_be_made_less():
    with (
        pytest.raises(InputError, match=r"with a single image; give the job a larger GPU"),
        gpu_memory.explain_full_memory(1, "lower sampling.batch (--batch)"),
    ):
        raise torch.OutOfMemoryError(SAID)
