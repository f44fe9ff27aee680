"""Laws of noise and of the ensemble's sampling loop."""

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler
from encoded_ensembles.ensemble import diffusion, noise, sampling
from encoded_ensembles.members import network as unet
from encoded_ensembles.members.names import SAMPLERS

SHAPE = (1, 8, 8)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def members():
    torch.set_num_threads(1)
    config = unet.unet_config(shape=SHAPE, widths=[8, 16], layers_per_block=1, attention=False)
    return [unet.build_unet(config, seed=seed).eval() for seed in range(4)]


@pytest.fixture(scope="module")
def told():
    """Members that are told one of two labels."""
    config = unet.unet_config(
        shape=SHAPE, widths=[8, 16], layers_per_block=1, attention=False, classes=2
    )
    return [unet.build_unet(config, seed=seed).eval() for seed in range(4)]


def draw(samples=3, steps=5):
    return noise.draw_noise(steps=steps, samples=samples, shape=SHAPE, seed=1)


def sample(members, keep, z, **options):
    arguments = {"sampler": "ddpm", "device": CPU} | options
    return sampling.sample(members, keep=np.array(keep, bool), noise=z, **arguments)


def test_noise_of_a_sample_does_not_depend_on_the_others():
    z = draw(samples=6)
    assert z.shape == (6, 6, 1, 8, 8)
    assert np.array_equal(draw(samples=3), z[:, :3])
    part = noise.draw_noise(steps=5, samples=2, shape=SHAPE, seed=1, first=4)
    assert np.array_equal(part, z[:, 4:])
    assert not np.array_equal(z[:, 0], z[:, 1])
    assert abs(draw(samples=200).mean()) < 0.01
    assert abs(draw(samples=200).std() - 1) < 0.01


@pytest.mark.parametrize("sampler", ["ddpm", "ddim"])
def test_equals_a_plain_loop(members, sampler):
    """One trajectory, one member at a time, with diffusers' scheduler."""
    z, keep = draw(), np.array([[1, 1, 1, 1], [0, 1, 0, 1], [0, 0, 1, 0]], bool)
    fast = sample(members, keep, z, sampler=sampler)
    for a, mask in enumerate(keep):
        for b in range(z.shape[1]):
            scheduler = DDIMScheduler(num_train_timesteps=1000)
            scheduler.set_timesteps(5)
            x = torch.from_numpy(z[0, b : b + 1])
            with torch.inference_mode():
                for k, t in enumerate(scheduler.timesteps, start=1):
                    kept = [m(x, t).sample for m, stays in zip(members, mask, strict=True) if stays]
                    x = scheduler.step(
                        sum(kept) / len(kept), t, x,
                        eta=1.0 if sampler == "ddpm" else 0.0,
                        use_clipped_model_output=sampler == "ddpm",
                        variance_noise=torch.from_numpy(z[k, b : b + 1]),
                    ).prev_sample  # fmt: skip
            assert np.allclose(x.numpy()[0], fast[a, b], atol=2e-5)


def ancestral(theirs, steps, monkeypatch):
    """Yield what goes into each step of DDPMScheduler, level, prediction, images and noise, and what comes out."""
    theirs.set_timesteps(steps)
    generator = torch.Generator().manual_seed(0)
    for t in theirs.timesteps:
        x, eps, z = torch.randn(3, 4, 1, 8, 8, generator=generator)
        monkeypatch.setattr(
            "diffusers.schedulers.scheduling_ddpm.randn_tensor", lambda *_, z=z, **__: z
        )
        yield t, eps, x, z, theirs.step(eps, t, x).prev_sample


@pytest.mark.parametrize("steps", [10, 50, 1000])
def test_ddpm_steps_equal_ddpm_scheduler(steps, monkeypatch):
    """DDIM with eta 1 and clipped output is ancestral sampling, checked against DDPMScheduler."""
    ours, theirs = diffusion.make_scheduler(steps=steps), DDPMScheduler(num_train_timesteps=1000)
    levels = []
    for t, eps, x, z, expected in ancestral(theirs, steps, monkeypatch):
        levels.append(t)
        mine = ours.step(eps, t, x, eta=1.0, use_clipped_model_output=True, variance_noise=z)
        assert torch.allclose(mine.prev_sample, expected, atol=2e-4), t
    assert ours.timesteps.tolist() == levels


def test_archive_steps_are_the_archives_formula():
    """The code of arXiv 2306.02174: posterior mean of the unclipped image, noise of deviation sqrt(a[t] b[t])."""
    beta = np.linspace(1e-4, 0.02, 1000)
    kept = np.cumprod(1 - beta)
    trajectory = diffusion.DDPM("ddpm-archive", bounded=True).begin(1000)
    assert trajectory.levels.tolist() == list(range(999, -1, -1))
    rng = np.random.default_rng(0)
    for t in (999, 998, 500, 3, 1, 0):
        x, eps, z = rng.normal(size=(3, 2, 1, 4, 4))
        mean = (x - beta[t] / np.sqrt(1 - kept[t]) * eps) / np.sqrt(1 - beta[t])
        expected = mean + np.sqrt((1 - beta[t]) * beta[t]) * z if t else np.clip(mean, -1, 1)
        given = (torch.from_numpy(each.astype(np.float32)) for each in (eps, x, z))
        predicted, images, noise = given
        found = trajectory.step(predicted, torch.tensor(t), images, noise)
        assert np.allclose(found, expected, atol=2e-4), t


@pytest.mark.parametrize("steps", [7, 1000])
def test_unclipped_steps_equal_ddpm_scheduler_and_the_last_is_clipped(steps, monkeypatch):
    theirs = DDPMScheduler(num_train_timesteps=1000, clip_sample=False)
    own, latents = (
        diffusion.DDPM("ddpm-unclipped", bounded=bounded).begin(steps) for bounded in (True, False)
    )
    for t, eps, x, z, expected in ancestral(theirs, steps, monkeypatch):
        assert torch.allclose(latents.step(eps, t, x, z), expected, atol=5e-4, rtol=1e-4), t
        if t == own.levels[-1]:
            assert expected.abs().max() > 1
            expected = expected.clamp(-1, 1)
        assert torch.allclose(own.step(eps, t, x, z), expected, atol=5e-4, rtol=1e-4), t
    assert theirs.timesteps.tolist() == own.levels.tolist()


def test_dpmsolver_equals_a_plain_loop_and_clips(members):
    z = draw(samples=2, steps=6)
    fast = sample(members, [[1, 0, 1, 0]], z, sampler="dpmsolver++")[0]
    scheduler = DPMSolverMultistepScheduler(thresholding=True, sample_max_value=1.0)
    scheduler.set_timesteps(6)
    x = torch.from_numpy(z[0])
    with torch.inference_mode():
        for t in scheduler.timesteps:
            predicted = (members[0](x, t).sample + members[2](x, t).sample) / 2
            x = scheduler.step(predicted, t, x).prev_sample
    assert np.allclose(x.numpy(), fast, atol=1e-4)
    assert np.abs(fast).max() <= 1


def test_ablating_nothing_gives_the_factual_sample_byte_for_byte(members):
    z = draw()
    alone = sample(members, [[1, 1, 1, 1]], z)
    among = sample(members, [[1, 0, 0, 0], [0, 1, 1, 0], [1, 1, 1, 1]], z)
    assert alone[0].tobytes() == among[2].tobytes()


def test_no_byte_depends_on_batch_or_group_size(members):
    z = draw(samples=7)
    keep = np.random.default_rng(0).random((9, 4)) < 0.6
    keep[~keep.any(axis=1), 0] = True
    whole = sample(members, keep, z)
    multistep = [
        sample(members, keep, z, sampler="dpmsolver++", trajectories=t).tobytes() for t in (5, 100)
    ]
    assert multistep[0] == multistep[1]
    for options in ({"batch": 16}, {"batch": 37}, {"trajectories": 1}, {"trajectories": 20}):
        assert sample(members, keep, z, **options).tobytes() == whole.tobytes(), options
    assert sample(members, keep[3:5], z).tobytes() == whole[3:5].tobytes()
    assert sample(members, keep, z[:, :2]).tobytes() == whole[:, :2].tobytes()


@pytest.mark.parametrize("batch", [1, 3])
def test_with_small_batches_no_byte_depends_on_other_rows(members, batch):
    z = draw(samples=4)
    keep = np.array([[1, 0, 1, 1], [0, 1, 0, 0], [1, 1, 0, 1]], bool)
    whole = sample(members, keep, z, batch=batch)
    assert sample(members, keep, z, batch=batch, trajectories=1).tobytes() == whole.tobytes()
    assert sample(members, keep[1:2], z[:, :1], batch=batch).tobytes() == whole[1:2, :1].tobytes()
    assert np.allclose(whole, sample(members, keep, z), atol=1e-5)


def test_pairs_are_entries_of_the_whole(members):
    z = draw(samples=4)
    keep = np.array([[1, 0, 1, 1], [0, 1, 0, 0], [1, 1, 0, 1]], bool)
    whole = sample(members, keep, z)
    rows, which = np.array([2, 0, 0, 1]), np.array([3, 0, 3, 1])
    for trajectories in (1, 3, 100):
        groups = sampling.sample_pairs(
            members, keep=keep[rows], which=which, noise=z, sampler="ddpm", device=CPU,
            trajectories=trajectories,
        )  # fmt: skip
        assert np.concatenate(list(groups)).tobytes() == whole[rows, which].tobytes()


def test_large_images_are_held_a_few_at_a_time():
    assert sampling.at_once((1, 8, 8), limit=8192) == 8192
    assert sampling.at_once((3, 256, 256), limit=8192) == 85
    assert sampling.at_once((3, 10_000, 10_000), limit=8192) == 1


def test_a_dropped_member_cannot_matter(members):
    keep, z = [[1, 0, 1, 1]], draw()
    before = sample(members, keep, z)
    broken = unet.build_unet(members[1].config, seed=99).eval()
    after = sample([members[0], broken, *members[2:]], keep, z)
    assert before.tobytes() == after.tobytes()


@pytest.mark.parametrize(
    ("keep", "options", "message"),
    [
        ([[1, 1]], {}, "expected"),
        ([[0, 0, 0, 0]], {}, "keeps no member"),
        ([[1, 1, 1, 1]], {"batch": -1}, "at least 1"),
    ],
)
def test_refused(members, keep, options, message):
    with pytest.raises(ValueError, match=message):
        sample(members, keep, draw(), **options)


def test_unet_too_deep_names_the_size_that_would_do():
    with pytest.raises(
        ValueError, match=r"28x28 pixels are not divisible by 8.*dataset.size to 32"
    ):
        unet.unet_config(shape=(1, 28, 28), widths=[8] * 4, layers_per_block=1, attention=False)


def test_attention_and_colour():
    config = unet.unet_config(shape=(3, 8, 8), widths=[8, 16], layers_per_block=1, attention=True)
    assert unet.build_unet(config, seed=0)(torch.zeros(2, 3, 8, 8), 5).sample.shape == (2, 3, 8, 8)


def test_attention_where_it_is_asked_for():
    """The successor's network, as its published code builds it, at an eighth of its width."""
    config = unet.unet_config(
        shape=(1, 32, 32),
        widths=[16, 32, 64, 64],
        layers_per_block=2,
        attention=[1],
        norm_groups=16,
    )
    down = ("DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D")
    up = ("UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D")
    assert (config["down_block_types"], config["up_block_types"]) == (down, up)
    assert config["add_attention"]
    network = unet.build_unet(config, seed=0)
    assert network(torch.zeros(1, 1, 32, 32), 5).sample.shape == (1, 1, 32, 32)
    with pytest.raises(ValueError, match=r"model.attention holds 2, expected 0 to 1"):
        unet.unet_config(shape=(1, 8, 8), widths=[8, 8], layers_per_block=1, attention=[2])
    with pytest.raises(ValueError, match=r"model.widths holds 24, expected a multiple of .* .16."):
        unet.unet_config(
            shape=(1, 8, 8), widths=[16, 24], layers_per_block=1, attention=False, norm_groups=16
        )


def test_samples_are_of_the_labels_in_turn(told):
    """Class-conditional members: a plain loop that tells sample b the label b mod 2."""
    z, keep = draw(samples=3), np.array([[1, 1, 1, 1], [0, 1, 0, 1], [0, 0, 1, 0]], bool)
    fast = sample(told, keep, z)
    for a, mask in enumerate(keep):
        for b in range(3):
            x, scheduler = torch.from_numpy(z[0, b : b + 1]), diffusion.make_scheduler(steps=5)
            for k, level in enumerate(scheduler.timesteps, start=1):
                with torch.inference_mode():
                    kept = [
                        member(x, level, class_labels=torch.tensor([b % 2])).sample
                        for member, stays in zip(told, mask, strict=True)
                        if stays
                    ]
                noise_in = torch.from_numpy(z[k, b : b + 1])
                mean = sum(kept) / len(kept)
                x = diffusion.take_step(scheduler, mean, level, x, noise_in, sampler="ddpm")
            assert np.allclose(x.numpy()[0], fast[a, b], atol=2e-5)
    few = sample(told, keep, z, batch=16, trajectories=3)
    assert few.tobytes() == fast.tobytes()


def test_a_label_changes_the_prediction(told):
    x = torch.from_numpy(draw(samples=2)[0])
    first, second = (
        sampling.predict(told[0], x, torch.tensor(500), batch=16, numbers=torch.tensor(numbers))
        for numbers in ([0, 0], [0, 1])
    )
    assert torch.equal(first[0], second[0])
    assert not torch.allclose(first[1], second[1])


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("kind", ["members", "told"])
def test_a_sample_drawn_alone_or_in_any_order_is_the_same_to_the_byte(kind, sampler, request):
    """Issue 14.1: a sample's class follows from its number in the run, not from its position."""
    networks, z = request.getfixturevalue(kind), draw(samples=5)
    keep = np.array([[1, 1, 1, 1], [0, 1, 0, 1]], bool)
    among = sample(networks, keep, z, sampler=sampler)
    for numbers in ([1], [4], [3, 0, 2], [4, 3, 2, 1, 0]):
        alone = sample(networks, keep, z[:, numbers], sampler=sampler, numbers=np.array(numbers))
        assert alone.tobytes() == among[:, numbers].tobytes(), numbers


def test_numbers_are_one_for_each_sample(members):
    with pytest.raises(ValueError, match=r"numbers has shape \(2,\), expected \(3,\)"):
        sample(members, [[1, 1, 1, 1]], draw(), numbers=np.arange(2))


class Unbounded:
    """A space without bounds, such as latents."""

    bounded = False

    def image(self, seen):
        return seen

    def decode(self, seen):
        return seen


@pytest.mark.parametrize("sampler", ["ddim", "dpmsolver++"])
def test_estimates_are_clipped_in_pixels_alone(members, sampler):
    """Issue 14.28: a plain loop with diffusers' scheduler, which clips nothing of latents."""
    z = draw(samples=2) * 3
    kinds = {"ddim": DDIMScheduler, "dpmsolver++": DPMSolverMultistepScheduler}
    options = {"clip_sample": False} if sampler == "ddim" else {"thresholding": False}
    scheduler = kinds[sampler](num_train_timesteps=1000, **options)
    scheduler.set_timesteps(5)
    x = torch.from_numpy(z[0])
    with torch.inference_mode():
        for level in scheduler.timesteps:
            x = scheduler.step(members[0](x, level).sample, level, x).prev_sample
    found = sample(members[:1], [[1]], z, sampler=sampler, space=Unbounded())[0]
    assert np.allclose(found, x.numpy(), atol=1e-3)
    assert np.abs(found).max() > 1
    assert np.abs(sample(members[:1], [[1]], z, sampler=sampler)[0]).max() <= 1
