"""For tests of adapters: a small base, adapters of it, and what they predict."""

import numpy as np
import torch
from encoded_ensembles.ensemble import sampling
from encoded_ensembles.members import adapter_training, batches, training
from encoded_ensembles.members import network as unet

CPU = torch.device("cpu")
NAMES = [f"x/{i}" for i in range(9)]
IMAGES = np.random.default_rng(0).integers(0, 256, (9, 8, 8, 1), dtype=np.uint8)
RECIPE = batches.Recipe(
    epochs=3, steps_per_epoch=4, learning_rate=1e-2, ema=0.9, precision="float32", seed=5
)
TARGETS = ["conv1", "conv2", "time_emb_proj", "to_q", "to_out.0"]


def build(seed=0, **options):
    torch.set_num_threads(1)
    options = {"widths": [8, 8], "layers_per_block": 1, "attention": True} | options
    return unet.build_unet(unet.unet_config(shape=(1, 8, 8), **options), seed=seed).eval()


def adapter(base=None, *, targets=TARGETS, seed=0):
    return adapter_training.add_adapter(
        base or build(), rank=2, alpha=4.0, targets=targets, seed=seed
    )


def trained(images=IMAGES, *, recipe=RECIPE, **options):
    model, _ = training.train(adapter(), images, NAMES, recipe=recipe, device=CPU, **options)
    return model


def write_folder(path):
    """Write a base, and an adapter of it in members/00."""
    unet.save_network(build(), path / "base")
    save(trained(), path / "members/00")
    return path


def save(model, folder):
    adapter_training.save_adapter(model, folder, base="../../base")


def predict(network, images=IMAGES):
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode():
        return sampling.predict(
            network, x, torch.tensor(40), numbers=torch.arange(len(x)), batch=16
        )


def weights(network):
    return {name: each.detach().clone() for name, each in network.named_parameters()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
