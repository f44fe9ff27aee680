"""Issue 14.28: a key of the configuration that decides results: two values, two results.

The last of three steps; the others, and which key has its test where, are in test_config_keys.py.
"""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from encoded_ensembles.codes import encode, masks, splits
from encoded_ensembles.codes.families import Family
from encoded_ensembles.commands.measure_contrast import measure_contrast
from encoded_ensembles.commands.options.training import Training
from encoded_ensembles.ensemble.noise import draw_noise
from encoded_ensembles.ensemble.sampling import sample
from encoded_ensembles.grading import controls, gradients, rivals
from encoded_ensembles.influence.joint import Evidence
from encoded_ensembles.influence.observer import Observed
from encoded_ensembles.members import batches
from encoded_ensembles.members import network as unet
from encoded_ensembles.members.training import make_initial
from encoded_ensembles.storage.files import InputError, read_table, write_arrays, write_tensors

TRAINING = {
    "widths": "8,16", "layers_per_block": 1, "epochs": 2, "steps_per_epoch": 3, "learning_rate": 0.5,
    "ema": 0.25,
}  # fmt: skip


def test_options_of_training_are_the_recipe():
    """Each option reaches the field of its own name, and no other."""
    given = TRAINING | {"precision": "bfloat16", "seed": 7, "flip": True, "schedule": "cosine"}
    recipe = Training(**given).recipe()
    assert recipe == batches.Recipe(
        epochs=2, steps_per_epoch=3, learning_rate=0.5, ema=0.25, precision="bfloat16", seed=7, flip=True,
        schedule="cosine",
    )  # fmt: skip
    default = Training(**TRAINING).recipe()
    assert default == dataclasses.replace(
        recipe, precision="float32", seed=0, flip=False, schedule="constant"
    )
    with pytest.raises(InputError, match="--schedule is linear, expected constant or cosine"):
        Training(**TRAINING, schedule="linear").recipe()


def predicted(training, *, seed=0):
    """Return what a new network predicts in training, which says all of it that its keys decide."""
    network = make_initial(training.network(classes=3), shape=(1, 8, 8), seed=seed).train()
    torch.manual_seed(0)
    images = torch.randn(4, 1, 8, 8)
    classes = network.config.num_class_embeds
    labels = {"class_labels": torch.arange(4) % classes} if classes else {}
    with torch.no_grad():
        return network(images, torch.tensor(500), **labels).sample.numpy()


@pytest.mark.parametrize(
    "change",
    [
        {"widths": "8,8"}, {"layers_per_block": 2}, {"attention": True}, {"attention_at": [0]},
        {"dropout": 0.5}, {"norm_groups": 4}, {"classes": True},
    ],
)  # fmt: skip
def test_every_key_of_the_network_changes_what_it_predicts(change):
    base = predicted(Training(**TRAINING))
    assert np.array_equal(base, predicted(Training(**TRAINING)))
    assert not np.allclose(base, predicted(Training(**TRAINING | change)), atol=1e-4)
    assert not np.allclose(base, predicted(Training(**TRAINING), seed=1), atol=1e-4)


def test_every_key_of_an_adapter_changes_what_it_predicts(tmp_path):
    """Rank and targets say how many weights there are, alpha how much of them counts, base the rest."""
    config = unet.unet_config(shape=(1, 8, 8), widths=[8, 8], layers_per_block=1, attention=True)
    for seed in (0, 1):
        unet.save_network(unet.build_unet(config, seed=seed), tmp_path / f"{seed}")

    def adapted(number=0, **change):
        options = (
            TRAINING | {"base": tmp_path / f"{number}", "rank": 2, "target": ["to_q"]} | change
        )
        network = make_initial(
            Training(**options).network(classes=3), shape=(1, 8, 8), seed=0
        ).eval()
        sizes = 0
        with torch.no_grad():
            for name, each in network.named_parameters():
                if "lora_" in name:
                    sizes += each.numel()
                    each.copy_(torch.linspace(0, 0.5, each.numel()).view_as(each))  # as if trained
            return sizes, network(torch.ones(1, 1, 8, 8), torch.tensor(500)).sample.numpy()

    size, base = adapted()
    for change in ({"number": 1}, {"alpha": 8.0}, {"rank": 3}, {"target": ["to_k", "to_v"]}):
        other, found = adapted(**change)
        assert not np.allclose(found, base, atol=1e-4), change
        assert (other != size) == ("rank" in change or "target" in change)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "balanced"}, {"members": 10}, {"weight": 5}, {"distance": 4, "name": "min-distance"},
        {"null_words": 4}, {"seed": 1},
    ],
)  # fmt: skip
def test_every_key_of_the_code_changes_the_words(change):
    names = [f"u{u}" for u in range(10)]

    def drawn(*, null_words=3, seed=0, **kind):
        family = Family(**{"name": "random", "members": 8, "weight": 4} | kind)
        return encode.encode(names, family, null_words=null_words, seed=seed)[:2]

    base, found = drawn(), drawn(**change)
    assert all(np.array_equal(a, b) for a, b in zip(base, drawn(), strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(base, found, strict=True))


def test_seed_steps_and_scheduler_of_sampling_change_the_samples():
    config = unet.unet_config(shape=(1, 8, 8), widths=[8], layers_per_block=1, attention=False)
    members = [unet.build_unet(config, seed=seed).eval() for seed in range(2)]

    def drawn(*, seed=0, steps=3, samples=2, sampler="ddpm"):
        noise = draw_noise(steps=steps, samples=samples, shape=(1, 8, 8), seed=seed)
        options = {"keep": np.ones((1, 2), bool), "sampler": sampler, "device": torch.device("cpu")}
        return sample(members, noise=noise, **options)[0]

    base = drawn()
    for change in ({"seed": 1}, {"steps": 4}, {"sampler": "ddim"}, {"sampler": "dpmsolver++"}):
        assert not np.allclose(drawn(**change), base, atol=1e-3), change
    more = drawn(samples=3)
    assert np.array_equal(more[:2], base)
    assert len(more) == 3


def test_null_words_and_the_false_discovery_rate_decide_what_is_attributed(tmp_path):
    """Unit 0 pulls sample 0: with enough words its q is the smallest there is, 5 / (words + 1)."""
    rng = np.random.default_rng(0)
    family = Family("random", 10, 5)
    code, null, _ = encode.encode([f"u{u}" for u in range(5)], family, null_words=3, seed=0)
    arrays = {"code": code, "null_words": null, "unit_of": np.arange(5)}
    names = {"unit_names": np.array([f"u{u}" for u in range(5)])}
    kind = {"family": np.array("random"), "distance": np.array(2)}
    write_arrays(tmp_path / "code.npz", arrays | names | kind)
    pull = rng.normal(size=(2, 5, 10)).astype(np.float32)
    pull[0, 0] += 9 * code[0]
    precision = np.tile(np.eye(10), (2, 5, 1, 1))
    order = np.stack([np.arange(5), np.arange(5)[::-1]])
    observed = Observed(
        order, pull, precision[:, 0], Evidence(pull[[[0], [1]], order], precision), {}
    )
    write_tensors(tmp_path / "pulls.safetensors", observed.arrays())
    write_tensors(tmp_path / "decoys.safetensors", {"none": np.zeros(1)})

    def attributed(**change):
        inputs = {name: tmp_path / f"{name}.{kind}" for name, kind in
                  (("pulls", "safetensors"), ("decoys", "safetensors"), ("code", "npz"))}  # fmt: skip
        outputs = {name: tmp_path / f"{name}.parquet" for name in ("contrast", "sets", "units", "answers", "checks")}  # fmt: skip
        measure_contrast(**inputs, **outputs, **{"null_words": 200, "attributed": 0.05} | change)
        return read_table(outputs["contrast"]).query("sample == 0 and unit == 0").iloc[0]

    base = attributed()
    assert (base["joint_p"], base["attributed"]) == (pytest.approx(1 / 201), True)
    assert base["weight"] == pytest.approx(300 / 137)  # 1 over the mean of 1, 1/2, ..., 1/5
    assert base["joint_q"] == pytest.approx(5 / 201 * 137 / 300)
    few = attributed(null_words=10)
    assert (few["joint_p"], few["attributed"]) == (pytest.approx(1 / 11), False)
    assert not attributed(attributed=0.001)["attributed"]
    assert attributed(weights="learnt")["weight"] != base["weight"]
    with pytest.raises(InputError, match="--weights is mine, expected likeness or learnt"):
        attributed(weights="mine")


def test_every_key_of_retraining_changes_the_controls():
    names = np.array([f"u{u}" for u in range(30)])
    nearest = np.stack([np.arange(30), np.arange(30)[::-1]])

    def chosen(**change):
        units, how = controls.choose_controls(nearest, names, **{"count": 6, "seed": 1} | change)
        return list(zip(names[units].tolist(), how.tolist(), strict=True))

    base = chosen()
    assert chosen() == base
    assert chosen(count=8) != base
    assert chosen(named=["u9"])[-1] == ("u9", "named")
    random = [name for name, how in base if how == "random"]
    assert [name for name, how in chosen(seed=2) if how == "random"] != random


def test_share_seed_and_number_change_the_half():
    names = np.array([f"u{u}" for u in range(40)])

    def half(**change):
        return splits.random_half(names, **{"share": 0.5, "model": 0, "seed": 2} | change)

    assert np.array_equal(half(), half())
    for change in ({"seed": 3}, {"model": 1}):
        assert half(**change).sum() == 20
        assert not np.array_equal(half(**change), half())
    assert half(share=0.25).sum() == 10


class Network(torch.nn.Module):
    """One weight for each of 64 pixels: gradients in a moment."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.linspace(0.1, 1, 64).view(1, 1, 8, 8))

    def forward(self, x, level):
        return SimpleNamespace(sample=x * self.weight)


def test_every_key_of_the_rivals_changes_their_scores():
    rng = np.random.default_rng(0)
    images, samples = rng.uniform(-1, 1, (8, 1, 8, 8)), rng.uniform(-1, 1, (2, 1, 8, 8))
    names = [f"i{i}" for i in range(8)]

    def scored(*, levels=2, projection=16, common=False, seed=0, damping=0.1):
        found = gradients.network_gradients(
            Network(), images.astype(np.float32), samples.astype(np.float32), names,
            levels=gradients.spread_levels(levels), dimensions=projection, seed=seed,
            device=torch.device("cpu"), common=common,
        )  # fmt: skip
        scores = rivals.network_scores(found, np.arange(8), damping=np.array([damping]))
        return scores["trak"]

    base = scored()
    assert np.array_equal(scored(), base)
    for change in (
        {"levels": 3},
        {"projection": 32},
        {"common": True},
        {"seed": 1},
        {"damping": 1.0},
    ):
        assert not np.allclose(scored(**change), base, rtol=1e-3), change
    plain, worse = rivals.degraded_scores(base[0], names, shares=[0.25, 0.5], seed=0)
    assert not np.allclose(plain, worse)


def test_sizes_and_repeats_change_the_masks():
    def drawn(*, kept=(4,), repeats=2, seed=0):
        sizes = masks.kept_sizes(members=12, weight=6, wanted=list(kept))
        return masks.sized_keep(members=12, sizes=sizes, repeats=repeats, seed=seed)

    counts = [pd.Series(each.sum(axis=1)).value_counts().to_dict() for each in
              (drawn(), drawn(kept=(4, 5)), drawn(repeats=3))]  # fmt: skip
    assert counts[0] == {1: 2, 4: 2, 6: 2, 12: 1}
    assert counts[1] == counts[0] | {5: 2}
    assert counts[2] == {1: 3, 4: 3, 6: 3, 12: 1}
