"""ReTrac along the training: at the end of it, what the pipeline's gradients give."""

import importlib

import numpy as np
import pytest
import torch
from encoded_ensembles.grading import gradients
from workspace import REPOSITORY


@pytest.fixture
def retrac(monkeypatch):
    monkeypatch.syspath_prepend(REPOSITORY / "studies")
    return importlib.import_module("retrac_along")


def test_one_snapshot_gives_what_the_pipeline_gives(retrac, model):
    rng = np.random.default_rng(0)
    images, samples = (rng.uniform(-1, 1, (n, 1, 8, 8)).astype(np.float32) for n in (18, 2))
    where = {"levels": np.array([100, 600]), "seed": 3, "device": torch.device("cpu")}
    found = retrac.products(model, images, samples, **where)
    names = [f"i{n}" for n in range(18)]
    whole = gradients.network_gradients(
        model, images, samples, names, dimensions=8, common=True, **where
    )
    assert np.allclose(found, whole["retrac"], rtol=1e-4)
