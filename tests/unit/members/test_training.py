"""Laws of training: keyed randomness, resumption, nothing but the split matters."""

import contextlib
import dataclasses

import numpy as np
import pytest
import torch
from encoded_ensembles.ensemble import diffusion
from encoded_ensembles.members import batches, checkpoint, network, training
from encoded_ensembles.members.names import SAMPLERS
from encoded_ensembles.storage.files import InputError

CPU = torch.device("cpu")
NAMES = [f"x/{i}" for i in range(9)]
IMAGES = np.random.default_rng(0).integers(0, 256, (9, 8, 8, 1), dtype=np.uint8)
RECIPE = batches.Recipe(
    epochs=3, steps_per_epoch=4, learning_rate=1e-3, ema=0.9, precision="float32", seed=5
)


def fresh(**options):
    torch.set_num_threads(1)
    config = network.unet_config(
        shape=(1, 8, 8), widths=[8], layers_per_block=1, attention=False, **options
    )
    return network.build_unet(config, seed=0)


def run(images=IMAGES, names=NAMES, recipe=RECIPE, *, dropout=0.0, classes=None, **options):
    model, losses = training.train(
        fresh(dropout=dropout, classes=classes),
        images, names, recipe=recipe, device=CPU, **options,
    )  # fmt: skip
    return b"".join(t.numpy().tobytes() for t in model.state_dict().values()), losses


def test_same_bytes_again_and_in_any_order_of_images():
    weights, losses = run()
    turn = np.random.default_rng(1).permutation(9)
    again, losses_again = run(IMAGES[turn], [NAMES[i] for i in turn])
    assert weights == again
    assert np.array_equal(losses, losses_again, equal_nan=True)
    assert len(losses) == 12


def test_training_learns():
    recipe = batches.Recipe(150, 1, 5e-3, 0.9, "float32", 0)
    _, losses = run(recipe=recipe)
    assert np.mean(losses[-20:]) < 0.5 * np.mean(losses[:5])


def test_empty_batches_are_passed_over():
    weights, losses = run(IMAGES[:1], NAMES[:1])
    assert np.isnan(losses).sum() == 9
    assert len(weights)


@pytest.mark.parametrize(
    ("killed_after", "dropout", "schedule"),
    [(1, 0, "constant"), (5, 0, "cosine"), (11, 0, "constant"), (5, 0.5, "constant")],
)
def test_killed_training_ends_with_the_same_bytes(tmp_path, killed_after, dropout, schedule):
    recipe = dataclasses.replace(RECIPE, schedule=schedule)
    whole = run(recipe=recipe, dropout=dropout)
    path = tmp_path / "state.safetensors"

    def killed(steps, total):
        for step in steps:
            if step == killed_after:
                raise KeyboardInterrupt
            yield step

    with pytest.raises(KeyboardInterrupt):
        run(
            checkpoint=checkpoint.Checkpoint(path, key="k", seconds=0),
            track=killed,
            recipe=recipe,
            dropout=dropout,
        )
    assert checkpoint.Checkpoint(path, key="k", seconds=0).load()[0] == killed_after
    torch.manual_seed(killed_after)  # another process has other random numbers
    weights, losses = run(
        checkpoint=checkpoint.Checkpoint(path, key="k", seconds=0), recipe=recipe, dropout=dropout
    )
    assert weights == whole[0]
    assert np.array_equal(losses, whole[1], equal_nan=True)


@pytest.mark.parametrize("second_ends", [3, 6, 8, None])
def test_two_trainings_that_share_a_checkpoint_end_with_the_same_bytes(tmp_path, second_ends):
    """As after a killed Snakemake that was started again too early.

    In the middle of one training another goes on from the same file, past it, and is killed or ends.
    """
    whole = run()
    path = tmp_path / "state.safetensors"

    def state():
        return checkpoint.Checkpoint(path, key="k", seconds=0)

    def second_at_step_three(steps, total):
        for step in steps:
            if step == 3:
                with contextlib.suppress(KeyboardInterrupt):
                    assert run(checkpoint=state(), track=killed)[0] == whole[0]
            yield step

    def killed(steps, total):
        for step in steps:
            if step == second_ends:
                raise KeyboardInterrupt
            yield step

    first = run(checkpoint=state(), track=second_at_step_three)
    assert first[0] == whole[0]
    # The first saved last, over whatever the second had saved: a third could go on from it.
    assert state().load()[0] == RECIPE.steps - 1
    assert run(checkpoint=state())[0] == whole[0]


def test_diverging_training_says_so():
    recipe = batches.Recipe(50, 1, 1e30, 0.9, "float32", 0)
    with pytest.raises(InputError, match=r"the loss became .* at step .*learning_rate \(1e\+30\)"):
        run(recipe=recipe)


def test_empty_split_is_refused():
    with pytest.raises(InputError, match="the split is empty"):
        run(IMAGES[:0], [])


def test_bfloat16_runs():
    recipe = batches.Recipe(2, 1, 1e-3, 0.9, "bfloat16", 0)
    assert np.isfinite(run(recipe=recipe)[1]).all()


def test_loss_table():
    assert training.loss_table([0.5, float("nan")]) == "step,loss\n1,0.5\n2,\n"


def test_mirroring_a_symmetric_image_changes_nothing():
    symmetric = np.maximum(IMAGES, IMAGES[:, :, ::-1])
    flip = dataclasses.replace(RECIPE, flip=True)
    assert run(symmetric, recipe=flip)[0] == run(symmetric)[0]
    assert run(recipe=flip)[0] != run()[0]


def test_dropout_trains_otherwise_and_the_same_again():
    weights, losses = run(dropout=0.5)
    torch.manual_seed(1)
    assert run(dropout=0.5)[0] == weights
    assert losses != run()[1]


def test_labels_are_told_with_their_images():
    labels = np.arange(9) % 3
    weights, _ = run(classes=3, labels=labels)
    turn = np.random.default_rng(1).permutation(9)
    assert run(IMAGES[turn], [NAMES[i] for i in turn], classes=3, labels=labels[turn])[0] == weights
    assert run(classes=3, labels=labels[turn])[0] != weights


def test_a_cosine_lets_the_learning_rate_fall_to_zero():
    recipe = dataclasses.replace(RECIPE, schedule="cosine")  # 12 steps
    rates = [recipe.rate(step) for step in (0, 3, 6, 9, 12)]
    assert rates == pytest.approx([1e-3, 8.53553e-4, 5e-4, 1.464466e-4, 0])
    assert RECIPE.rate(9) == 1e-3


@pytest.mark.parametrize("ema", [0.0, 0.05, 0.9])
def test_averaged_weights_are_those_of_a_hand_loop(ema):
    """Issue 14.28: shadow = d shadow + (1 - d) w, with d at most ema and growing from 0 at first."""
    recipe = dataclasses.replace(RECIPE, ema=ema, learning_rate=0.01)
    trainer = training.Trainer(fresh(), recipe=recipe, device=CPU)
    rng = torch.Generator().manual_seed(0)
    shadow = {name: each.clone() for name, each in trainer.model.state_dict().items()}
    for step in range(6):
        images, noise = torch.randn(2, 4, 1, 8, 8, generator=rng)
        trainer.step(images, torch.tensor([0, 10, 500, 999]), noise)
        decay = min(ema, (1 + step) / (10 + step)) if step else 0
        for name, each in trainer.model.state_dict().items():
            shadow[name] = decay * shadow[name] + (1 - decay) * each
    last = {name: each.clone() for name, each in trainer.model.state_dict().items()}
    found = trainer.averaged().state_dict()
    assert all(torch.allclose(found[name], each, atol=1e-6) for name, each in shadow.items())
    assert all(torch.equal(found[name], last[name]) for name in last) == (ema == 0)


def test_members_are_trained_on_the_schedule_they_are_sampled_on():
    """Issue 14.28: the share of signal at each level is one and the same."""
    trained = training.Trainer(fresh(), recipe=RECIPE, device=CPU).scheduler.alphas_cumprod
    for sampler in SAMPLERS:
        sampled = diffusion.make_scheduler(steps=10, sampler=sampler).alphas_cumprod
        assert torch.equal(trained, sampled)
    assert trained[0].item() == pytest.approx(0.9999)
    assert trained[999].item() == pytest.approx(4.036e-5, rel=1e-3)


def test_a_step_is_adams_on_the_noise_prediction():
    """Issue 14.28: the loss is the mean squared error of the noise, and Adam's first step moves by its rate."""
    recipe = dataclasses.replace(RECIPE, learning_rate=0.01)
    model = fresh()
    before = {name: each.clone() for name, each in model.named_parameters()}
    images, noise = torch.randn(2, 3, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    levels = torch.tensor([3, 500, 900])
    signal = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000), 0)[levels].view(-1, 1, 1, 1)
    noisy = signal.sqrt() * images + (1 - signal).sqrt() * noise
    expected = (model(noisy, levels).sample - noise).square().mean().item()
    trainer = training.Trainer(model, recipe=recipe, device=CPU)
    assert trainer.step(images, levels, noise) == pytest.approx(expected, rel=1e-4)
    moved = max((each - before[name]).abs().max() for name, each in model.named_parameters())
    assert moved.item() == pytest.approx(0.01, rel=1e-2)


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 4}, {"steps_per_epoch": 2}, {"learning_rate": 2e-3}, {"ema": 0.5},
        {"precision": "bfloat16"}, {"seed": 6}, {"flip": True}, {"schedule": "cosine"},
    ],
)  # fmt: skip
def test_every_key_of_the_recipe_changes_the_weights(change):
    """Issue 14.28: two values, two results; the initial weights are the same here."""
    recipe = dataclasses.replace(RECIPE, epochs=2, **{"ema": 0.1})
    assert run(recipe=dataclasses.replace(recipe, **change))[0] != run(recipe=recipe)[0]
