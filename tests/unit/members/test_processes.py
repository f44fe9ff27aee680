"""Laws of diffusion processes: they are diffusers' own, and the estimate inverts the target."""

import numpy as np
import pytest
import torch
from encoded_ensembles.members import processes
from encoded_ensembles.storage.errors import InputError
from tiny_pipelines import BETAS

BETA = {"_class_name": "DDPMScheduler", **BETAS}
FLOW = {"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0}
CONFIGS = {
    "noise": BETA | {"prediction_type": "epsilon"},
    "velocity": BETA | {"prediction_type": "v_prediction"},
    "sample": BETA | {"prediction_type": "sample"},
    "flow": FLOW,
    "flow, dynamic": FLOW | {"use_dynamic_shifting": True},
    "velocity, no signal at the end": BETA
    | {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True},
}
ALL = pytest.mark.parametrize("name", list(CONFIGS))
NUMBERS = np.array([0.0, 0.031, 0.25, 0.5, 0.77, 0.999])


def draw(seed):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((6, 4, 8, 8), np.float32))


X0, NOISE = draw(0), draw(1)


def process_and_levels(name):
    process = processes.make_process(CONFIGS[name])
    return process, torch.from_numpy(process.levels_from(NUMBERS))


@ALL
def test_latents_are_noised_as_diffusers_does(name):
    import diffusers

    process, levels = process_and_levels(name)
    scheduler = getattr(diffusers, CONFIGS[name]["_class_name"]).from_config(CONFIGS[name])
    noised = process.noised(X0, NOISE, levels)
    if name.startswith("flow"):
        assert torch.allclose(noised, scheduler.scale_noise(X0, levels, NOISE), atol=1e-6)
    else:
        assert torch.equal(noised, scheduler.add_noise(X0, NOISE, levels))


@ALL
def test_targets_are_those_of_diffusers(name):
    from diffusers import DDPMScheduler

    process, levels = process_and_levels(name)
    target = process.target(X0, NOISE, levels)
    if name.startswith("velocity"):
        scheduler = DDPMScheduler.from_config(CONFIGS[name])
        assert torch.equal(target, scheduler.get_velocity(X0, NOISE, levels))
    else:
        expected = {"noise": NOISE, "sample": X0}.get(name, NOISE - X0)
        assert torch.equal(target, expected)


@ALL
def test_the_estimate_of_the_target_is_the_latent(name):
    process, levels = process_and_levels(name)
    x0, noise = X0.double(), NOISE.double()
    noisy, target = process.noised(x0, noise, levels), process.target(x0, noise, levels)
    assert torch.allclose(process.estimate(target, noisy, levels), x0, atol=1e-5)
    # in float32 the error grows as 1 / signal, except where the prediction holds the latent
    noisy, target = process.noised(X0, NOISE, levels), process.target(X0, NOISE, levels)
    assert torch.allclose(process.estimate(target, noisy, levels)[:4], X0[:4], atol=1e-5)


@ALL
def test_a_batch_equals_a_loop(name):
    process, levels = process_and_levels(name)
    for method in (process.noised, process.target, process.estimate):
        rows = [method(X0[i : i + 1], NOISE[i : i + 1], levels[i]) for i in range(len(X0))]
        assert torch.equal(method(X0, NOISE, levels), torch.cat(rows))


@ALL
def test_the_mean_of_predictions_gives_the_mean_of_estimates(name):
    process, levels = process_and_levels(name)
    predictions = torch.stack([draw(seed) for seed in range(3)]).double()
    noisy = NOISE.double()
    mean = process.estimate(predictions.mean(0), noisy, levels)
    estimates = torch.stack([process.estimate(each, noisy, levels) for each in predictions])
    assert torch.allclose(mean, estimates.mean(0), rtol=1e-9)


@pytest.mark.parametrize("config", [FLOW, FLOW | {"use_dynamic_shifting": True}])
@pytest.mark.parametrize("density", processes.DENSITIES)
def test_levels_of_flow_matching_are_those_of_diffusers_examples(config, density):
    """Their training programs index the scheduler's timesteps by density times their number."""
    from diffusers import FlowMatchEulerDiscreteScheduler
    from diffusers.training_utils import compute_density_for_timestep_sampling

    theirs = compute_density_for_timestep_sampling(
        density, 500, logit_mean=0.0, logit_std=1.0, generator=torch.manual_seed(3)
    )
    timesteps = FlowMatchEulerDiscreteScheduler.from_config(config).timesteps
    if density == "uniform":
        numbers = torch.rand(500, generator=torch.manual_seed(3)).double()
    else:
        normal = torch.normal(0.0, 1.0, (500,), generator=torch.manual_seed(3))
        numbers = torch.special.ndtr(normal.double())
    levels = processes.make_process(config, density=density).levels_from(numbers.numpy())
    expected = timesteps[(theirs * 1000).long()].numpy()
    assert np.mean(levels == expected) > 0.99  # float32 rounding moves a few to the next step
    assert np.abs(levels - expected).max() < 4


def test_levels_by_hand():
    beta = processes.make_process(BETA)
    assert beta.levels_from(NUMBERS).tolist() == [0, 31, 250, 500, 770, 999]
    flow = processes.make_process(FLOW | {"shift": 1.0}, density="logit_normal")
    assert flow.levels_from(np.array([0.0, 0.5])).tolist() == [1000.0, 500.0]
    assert processes.make_process(FLOW).levels_from(np.array([0.5])) == pytest.approx([750.0])


def test_a_level_between_two_integers_lies_between_them():
    process = processes.make_process(BETA)
    three = process.noised(X0[:3], NOISE[:3], torch.tensor([300.0, 300.5, 301.0]))
    one = [process.noised(X0[1:2], NOISE[1:2], torch.tensor(level))[0] for level in (300, 301)]
    assert torch.allclose(three[1], (one[0] + one[1]) / 2, atol=1e-4)
    assert torch.equal(three[0], process.noised(X0[:1], NOISE[:1], torch.tensor(300))[0])


@pytest.mark.parametrize(
    ("config", "density", "words"),
    [
        (BETA | {"prediction_type": "score"}, "uniform", "prediction_type is score"),
        (BETA | {"rescale_betas_zero_snr": True}, "uniform", "rescale_betas_zero_snr"),
        (BETA, "logit_normal", "density of levels is logit_normal, expected uniform"),
        (FLOW, "cubic", "density of levels is cubic, expected uniform or logit_normal"),
        (BETA | {"use_flow_sigmas": True}, "uniform", "expected FlowMatchEulerDiscreteScheduler"),
    ],
)
def test_what_is_not_supported_is_refused(config, density, words):
    with pytest.raises(InputError, match=words):
        processes.make_process(config, density=density)
