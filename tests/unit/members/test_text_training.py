"""Laws of training adapters on captions: keyed randomness, resumption, and the loss of diffusers' examples."""

import dataclasses

import numpy as np
import pytest
import tiny_lora
import tiny_pipelines
import torch
from encoded_ensembles.members import checkpoint, lora, processes, prompts, text_training
from encoded_ensembles.members.batches import Recipe
from encoded_ensembles.randomness import name_key
from encoded_ensembles.storage.files import InputError

CPU = torch.device("cpu")
COUNT = 6
NAMES = [f"{i}.png" for i in range(COUNT)]
LATENTS = np.random.default_rng(0).standard_normal((COUNT, 4, 8, 8)).astype(np.float32)
RECIPE = text_training.TextRecipe(
    Recipe(epochs=2, steps_per_epoch=2, learning_rate=1e-2, ema=0.5, precision="float32", seed=5),
    prompt_dropout=0.5,
)
NOISE = {"_class_name": "DDPMScheduler", **tiny_pipelines.BETAS, "num_train_timesteps": 1000}


def embeddings(count):
    rng = torch.Generator().manual_seed(count)
    return prompts.Embeddings(torch.randn(count, 5, 32, generator=rng))


def images(order=range(COUNT)):
    order = list(order)
    return text_training.Captioned(
        [NAMES[i] for i in order],
        LATENTS[order],
        None,
        [f"caption {i}" for i in order],
        embeddings(COUNT).rows(torch.tensor(order, dtype=torch.long)),
        embeddings(1),
    )


def run(given=None, recipe=RECIPE, process=None, **options):
    """Return the weights of a trained adapter as bytes, and the losses."""
    network = tiny_lora.denoiser(tiny_pipelines.build("sd"))
    lora.add_lora(network, rank=2, alpha=2.0, seed=1)
    trained, losses = text_training.train_adapter(
        network,
        images() if given is None else given,
        process=process or processes.make_process(NOISE),
        recipe=recipe,
        device=CPU,
        **options,
    )
    return {name: change.up.numpy() for name, change in lora.lora_changes(trained).items()}, losses


def same(one, other):
    return all(np.array_equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def plain():
    return run()


def test_same_bytes_again_and_in_any_order_of_images(plain):
    weights, losses = run(images([3, 1, 5, 0, 4, 2]))
    assert same(plain[0], weights)
    assert plain[1] == losses
    assert any(change.any() for change in weights.values())


def test_a_killed_training_resumes_with_the_same_bytes(plain, tmp_path):
    def kill(steps, total):
        for step in steps:
            if step == 3:
                raise KeyboardInterrupt
            yield step

    saved = checkpoint.Checkpoint(tmp_path / "state.safetensors", key="a", seconds=0)
    with pytest.raises(KeyboardInterrupt):
        run(checkpoint=saved, track=kill)
    weights, losses = run(checkpoint=saved)
    assert same(plain[0], weights)
    assert plain[1] == losses


def test_the_loss_is_that_of_diffusers_training_example():
    """The first step of text_to_image's script: add_noise, prediction, mean squared error."""
    from diffusers import DDPMScheduler

    network = tiny_lora.denoiser(tiny_pipelines.build("sd"))
    lora.add_lora(network, rank=2, alpha=2.0, seed=1)
    process = processes.make_process(NOISE)
    trainer = text_training.TextTrainer(network, process=process, recipe=RECIPE, device=CPU)
    x, noise, levels = torch.from_numpy(LATENTS), torch.randn(COUNT, 4, 8, 8), torch.arange(COUNT)
    text = embeddings(COUNT)
    with torch.no_grad():
        noisy = DDPMScheduler.from_config(NOISE).add_noise(x, noise, levels)
        said = network(noisy, levels, encoder_hidden_states=text.sequence).sample
    expected = torch.nn.functional.mse_loss(said, noise).item()
    assert trainer.step_on(x, levels, noise, text) == pytest.approx(expected, rel=1e-6)


def test_parts_of_a_batch_and_checkpointing_change_no_weight(plain, monkeypatch):
    rows, predict = [], text_training.predict

    def counting(network, noisy, *others):
        rows.append(len(noisy))
        return predict(network, noisy, *others)

    monkeypatch.setattr(text_training, "predict", counting)
    run()
    assert max(rows) > 2
    assert sum(rows) == 2 * COUNT  # two epochs
    rows.clear()
    run(recipe=dataclasses.replace(RECIPE, accumulation=2))
    assert (max(rows), sum(rows)) == (2, 2 * COUNT)
    for changes in ({"accumulation": 2}, {"checkpointing": True}):
        weights, losses = run(recipe=dataclasses.replace(RECIPE, **changes))
        assert losses == pytest.approx(plain[1], rel=1e-5)
        for name, up in weights.items():
            np.testing.assert_allclose(up, plain[0][name], rtol=1e-3, atol=1e-5)


def test_only_a_batch_of_embeddings_is_moved_to_the_device(monkeypatch):
    moved, to = [], prompts.Embeddings.to

    def counting(embedded, *where):
        moved.append(len(embedded))
        return to(embedded, *where)

    monkeypatch.setattr(prompts.Embeddings, "to", counting)
    run()
    assert sum(moved) == 2 * COUNT  # two epochs
    assert max(moved) < COUNT


def test_prompts_are_dropped_by_image_and_epoch(plain):
    keys = [name_key(name) for name in NAMES]
    all_ = [text_training.dropped_prompts(keys, epoch=e, recipe=RECIPE) for e in range(50)]
    alone = [text_training.dropped_prompts(keys[2:3], epoch=e, recipe=RECIPE)[0] for e in range(50)]
    assert [row[2] for row in all_] == alone
    assert np.mean(all_) == pytest.approx(0.5, abs=0.1)
    weights, _ = run(recipe=dataclasses.replace(RECIPE, prompt_dropout=0.0))
    assert not same(plain[0], weights)


def test_the_density_changes_the_levels():
    drawn = np.arange(0, 1000, 100)
    flow = {"_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000}
    uniform, normal = (
        text_training.levels_of(drawn, processes.make_process(flow, density=density))
        for density in processes.DENSITIES
    )
    assert not torch.equal(uniform, normal)
    whole = text_training.levels_of(np.arange(1000), processes.make_process(NOISE))
    assert torch.equal(whole, torch.arange(1000))  # every level once


def test_an_empty_split_and_a_loss_that_is_not_finite_are_refused():
    with pytest.raises(InputError, match="the split is empty"):
        run(images([]))
    given = dataclasses.replace(images(), latents=np.full_like(LATENTS, np.nan))
    with pytest.raises(InputError, match="the loss became nan at step 1 of 4"):
        run(given)
