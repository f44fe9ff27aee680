"""TRAK and D-TRAK against another program, dattri (Deng et al., arXiv 2410.04555), where it is installed.

It is not among the pinned packages: pip install dattri==0.3.0 --no-deps
"""

import numpy as np
import pytest
import torch
from encoded_ensembles.grading import gradients, rivals
from encoded_ensembles.members.network import build_unet, unet_config
from torch.func import functional_call

trak = pytest.importorskip("dattri.algorithm.trak")
from dattri.task import AttributionTask  # noqa: E402

LEVELS, DIMENSIONS, SEED, DAMPING = np.array([9, 400]), 64, 4, 0.5
NAMES = list("abcdefghij")


@pytest.mark.parametrize("method", ["trak", "d-trak"])
def test_scores_are_those_of_dattri(method, monkeypatch):
    """The same loss, averaged over the same levels and noise; only the projection is ours in both."""
    network = build_unet(
        unet_config(shape=(1, 8, 8), widths=[8], layers_per_block=1, attention=False), seed=0
    )
    network.eval().requires_grad_(True)
    rng = np.random.default_rng(3)
    x = rng.uniform(-1, 1, size=(12, 1, 8, 8)).astype(np.float32)
    found = gradients.network_gradients(
        network, x[:10], x[10:], NAMES,
        levels=LEVELS, dimensions=DIMENSIONS, seed=SEED, device=torch.device("cpu"),
    )  # fmt: skip
    ours = rivals.network_scores(found, np.arange(10), damping=np.array([DAMPING]))[method][0]

    names = [*(f"image {name}" for name in NAMES), "sample 0", "sample 1"]
    noise = np.stack(
        [gradients.level_noise(names, level=k, shape=(1, 8, 8), seed=SEED) for k in LEVELS], axis=1
    )
    signal = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))[LEVELS].reshape(-1, 1, 1, 1)
    noisy = (np.sqrt(signal) * x[:, None] + np.sqrt(1 - signal) * noise).astype(np.float32)

    def loss(parameters, data):
        seen, added = data
        output = functional_call(network, parameters, (seen, torch.from_numpy(LEVELS))).sample
        return (output - added if method == "trak" else output).square().mean()

    monkeypatch.setattr(
        trak, "random_project",
        lambda *_, **__: lambda each, ensemble_id: gradients.project(
            each, dimensions=DIMENSIONS, seed=SEED
        ),
    )  # fmt: skip
    task = AttributionTask(loss_func=loss, model=network, checkpoints=network.state_dict())
    kind, _ = rivals.METHODS[method]
    phi = found[f"{kind}.images"].astype(np.float64)
    weights = sum(each.numel() for each in network.parameters())
    theirs = trak.TRAKAttributor(
        task,
        correct_probability_func=lambda parameters, data: data[0].sum() * 0,
        regularization=DAMPING * np.square(phi).sum() / DIMENSIONS / weights,
    )
    pairs = list(zip(torch.from_numpy(noisy), torch.from_numpy(noise), strict=True))
    load = [torch.utils.data.DataLoader(part, batch_size=5) for part in (pairs[:10], pairs[10:])]
    theirs.cache(load[0])
    scores = theirs.attribute(load[1]).detach().numpy()
    assert np.allclose(ours, scores, rtol=2e-3, atol=2e-3 * np.abs(scores).max())
