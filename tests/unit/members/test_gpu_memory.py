"""What is said when the memory of a GPU runs out. None is needed: networks here hold so many images."""

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


@pytest.mark.parametrize(("holds", "fits"), [(200, 128), (128, 128), (127, 64), (3, 2), (0, 0)])
def test_the_size_that_fits_is_found_by_halving(holds, fits):
    network = Limited(holds)
    with pytest.raises(InputError) as caught:
        gpu_memory.in_memory(
            lambda size: network(torch.zeros(size, 1), 0), size=256, advice=lambda fits: f"[{fits}]"
        )
    assert str(caught.value) == f"CUDA out of memory with 256 images at once; [{fits}]."


def test_what_fits_is_computed_once():
    network = Limited(256)
    found = gpu_memory.in_memory(
        lambda size: network(torch.ones(size, 1), 0).sample, size=256, advice=str
    )
    assert network.asked == [256]
    assert (found == 0.5).all()
    with pytest.raises(ZeroDivisionError):  # other mistakes are not touched
        gpu_memory.in_memory(lambda size: 1 / 0, size=4, advice=str)


@pytest.mark.parametrize(
    ("holds", "said"),
    [
        (40, "32 fit: set sampling.batch (--batch) to that, or"),
        (9, "not even 16 fit: give the job"),
    ],
)
def test_sampling_names_the_batch_that_fits(holds, said):
    with pytest.raises(InputError) as caught:
        sampling.predict(
            Limited(holds),
            torch.zeros(100, 1, 4, 4),
            torch.tensor(5),
            numbers=torch.arange(100),
            batch=64,
        )
    assert "with 64 images at once" in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("holds", "said"),
    [(5, "5 fit: raise training.steps_per_epoch from 2 to 4"), (0, "not even one fits: lower")],
)
def test_training_names_the_steps_whose_batches_fit(holds, said):
    """Ten images in two steps: where five do not fit, or nothing does."""
    recipe = batches.Recipe(3, 2, 1e-3, 0.9, "float32", 0)
    trainer = training.Trainer(Limited(holds), recipe=recipe, device=torch.device("cpu"))
    images = torch.zeros(10, 1, 4, 4)
    with pytest.raises(InputError) as caught:
        gpu_memory.step_in_memory(
            trainer, (images, torch.zeros(10, dtype=torch.int64), images, None)
        )
    assert "with 10 images at once" in str(caught.value)
    assert said in str(caught.value)


def test_training_that_fits_is_as_it_was():
    recipe = batches.Recipe(1, 1, 1e-3, 0.9, "float32", 0)
    noise = torch.from_numpy(np.random.default_rng(0).normal(size=(4, 1, 4, 4)).astype("f4"))
    batch = (noise, torch.arange(4), noise, None)
    ours, theirs = (
        training.Trainer(Limited(9), recipe=recipe, device=torch.device("cpu")) for _ in range(2)
    )
    assert gpu_memory.step_in_memory(ours, batch) == theirs.step(*batch)
    assert ours.model.weight == theirs.model.weight


def test_elsewhere_it_is_one_sentence_too(monkeypatch):
    def run():
        raise torch.OutOfMemoryError(SAID)

    monkeypatch.setattr(cli, "app", run)
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert str(caught.value) == (
        "encens: error: CUDA out of memory; give the job a larger GPU, or one of its own."
    )
    monkeypatch.setattr(cli, "app", lambda: sys.modules["torch"].zeros(2) @ torch.zeros(3))
    with pytest.raises(RuntimeError, match="inconsistent"):
        cli.main()


@pytest.mark.parametrize(("per_epoch", "images", "steps"), [(1, 101, 5), (3, 101, 13), (2, 64, 4)])
def test_the_steps_that_are_named_make_batches_that_fit(per_epoch, images, steps):
    """Issue 14.28: rounded up, or the batches would still be too large: 25 of 101 images fit."""
    trainer = SimpleNamespace(
        recipe=SimpleNamespace(steps_per_epoch=per_epoch),
        step=lambda batch: Limited(32)(batch, 0).sample.sum().item(),
    )
    fits = images
    while fits > 32:
        fits //= 2
    assert steps == -(-per_epoch * images // fits)
    with pytest.raises(InputError, match=f"steps_per_epoch from {per_epoch} to {steps}, or give"):
        gpu_memory.step_in_memory(trainer, (torch.zeros(images, 1),))
