"""Laws of the space that members see images in."""

import numpy as np
import pytest
import torch
from encoded_ensembles.data.images import to_signed
from encoded_ensembles.ensemble import diffusion, noise, sampling, trajectory
from encoded_ensembles.members import batches, names, network
from encoded_ensembles.members import latents as space
from encoded_ensembles.members.names import SAMPLERS
from encoded_ensembles.storage.files import InputError
from small_run import pictures, write_autoencoder

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("autoencoder")
    write_autoencoder(folder, scaling_factor=0.5, shift_factor=0.25)
    return folder


@pytest.fixture
def latents(folder):
    return space.load_space(folder, device=CPU)


@pytest.fixture(scope="module")
def members():
    config = network.unet_config(
        shape=(2, 8, 8), widths=[8, 16], layers_per_block=1, attention=False
    )
    return [network.build_unet(config, seed=seed).eval().requires_grad_(False) for seed in range(3)]


def test_an_image_is_encoded_and_decoded_alone(latents):
    images = to_signed(pictures(16))
    seen = latents.encode(images)
    assert (seen.dtype, seen.shape) == (np.float32, (len(images), 2, 8, 8))
    assert np.array_equal(latents.encode(images[[4, 1]]), seen[[4, 1]])
    decoded = latents.decode(torch.from_numpy(seen)).numpy()
    assert decoded.shape == images.shape
    assert np.array_equal(latents.decode(torch.from_numpy(seen[[4, 1]])).numpy(), decoded[[4, 1]])


def test_latents_are_the_mode_shifted_and_scaled(latents):
    images = to_signed(pictures(16))
    with torch.no_grad():
        mode = latents.network.encode(torch.from_numpy(images)).latent_dist.mode()
        whole = latents.network.decode(mode).sample.numpy()
    seen = latents.encode(images)
    assert np.allclose(seen, (mode.numpy() - 0.25) * 0.5, atol=1e-5)
    assert np.allclose(latents.decode(torch.from_numpy(seen)).numpy(), whole, atol=1e-4)


def test_without_an_autoencoder_members_see_pixels():
    pixels, images = space.load_space(None, device=CPU), to_signed(pictures())
    assert pixels.encode(images) is images
    assert pixels.seen((1, 8, 8)) == pixels.image((1, 8, 8)) == (1, 8, 8)


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((3, 16, 16), "for images of 1 channels, but the images of this run have 3; set dataset.channels to 1"),
        ((1, 15, 15), "combines 2x2 pixels, but images of 15x15 pixels .* set dataset.size to 16"),
    ],
)  # fmt: skip
def test_images_that_do_not_fit_are_refused(latents, shape, said):
    with pytest.raises(InputError, match=said):
        latents.seen(shape)


def test_shapes_go_back_and_forth(latents):
    assert latents.seen((1, 16, 24)) == (2, 8, 12)
    assert latents.image((2, 8, 12)) == (1, 16, 24)


def test_what_does_not_halve_is_said_in_pixels_of_the_image():
    options = {"widths": [8, 8, 8], "layers_per_block": 1, "attention": False}
    with pytest.raises(InputError, match=r"latents of 6x6 are not divisible by 4; .*size to 64"):
        network.unet_config(shape=(2, 6, 6), scale=8, **options)


def test_damaged_autoencoders_are_refused(folder, tmp_path):
    for name in names.member_files(adapter=False):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    with (tmp_path / "config.json").open("a") as file:
        file.write(" ")
    for read in (space.read_config, lambda each: space.load_space(each, device=CPU)):
        with pytest.raises(InputError, match=r"config\.json is damaged"):
            read(tmp_path)


@pytest.mark.parametrize("bounded", [True, False])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_estimates_are_clipped_where_images_are_bounded(sampler, bounded):
    """One step leads to the estimate itself: (x - sqrt(1 - a) e) / sqrt(a)."""
    x, predicted = torch.linspace(-3, 3, 64).view(1, 1, 8, 8), torch.full((1, 1, 8, 8), 0.5)
    process = diffusion.DDPM(sampler, bounded=bounded)
    trajectory = process.begin(1)
    (level,) = trajectory.levels
    signal = process.scheduler.alphas_cumprod[level]
    estimate = (x - (1 - signal).sqrt() * predicted) / signal.sqrt()
    found = trajectory.step(predicted, level, x, torch.zeros_like(x))
    expected = estimate.clamp(-1, 1) if bounded else estimate
    assert estimate.abs().max() > 2
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_samples_are_decoded_and_depend_on_no_grouping(latents, members, sampler):
    z = noise.draw_noise(steps=3, samples=2, shape=(2, 8, 8), seed=1)
    keep = np.array([[1, 1, 1], [0, 1, 1], [1, 0, 0]], bool)
    options = {"keep": keep, "noise": z, "sampler": sampler, "device": CPU}
    seen = sampling.sample(members, space=Undecoded(), **options)
    found = sampling.sample(members, space=latents, **options)
    assert found.shape == (3, 2, 1, 16, 16)
    flat = torch.from_numpy(seen.reshape(6, 2, 8, 8))
    assert np.array_equal(found, latents.decode(flat).numpy().reshape(found.shape))
    groups = list(sampling.sample_groups(members, space=latents, trajectories=2, **options))
    assert len(groups) == 3
    assert np.array_equal(np.concatenate(groups), found)


class Undecoded(space.Pixels):
    """Latents left as they are."""

    bounded = False


def test_estimates_of_latents_are_not_clipped(members):
    z = 20 * noise.draw_noise(steps=2, samples=1, shape=(2, 8, 8), seed=1)
    options = {"noise": z, "sampler": "ddim", "device": CPU}
    (_, first), *_ = trajectory.estimates(members, space=Undecoded(), **options)
    (_, clipped), *_ = trajectory.estimates(members, **options)
    assert np.abs(first).max() > 1
    assert np.array_equal(clipped, first.clip(-1, 1))


def test_a_mirrored_image_is_encoded_mirrored(latents):
    images = pictures(16)
    seen, turned = batches.see(images, space=latents, flip=True, device=CPU)
    assert np.array_equal(seen.numpy(), latents.encode(to_signed(images)))
    assert np.array_equal(turned.numpy(), latents.encode(to_signed(images[:, :, ::-1])))
    assert not np.allclose(turned.numpy(), seen.flip(-1).numpy(), atol=1e-3)
    chosen = np.arange(len(images)) % 2 == 1
    mixed = batches.mirror(seen, chosen, turned)
    assert torch.equal(mixed[1::2], turned[1::2])
    assert torch.equal(mixed[::2], seen[::2])
    assert batches.see(images, space=latents, flip=False, device=CPU)[1] is None
    assert batches.see(images, space=space.PIXELS, flip=True, device=CPU)[1] is None


class Huge(Undecoded):
    """Latents that are decoded to 2048x2048 pixels."""

    def image(self, seen):
        return 1, 2048, 2048

    def decode(self, seen):
        return seen[:, :1, :1, :1].expand(-1, 1, 2048, 2048)


def test_trajectories_held_at_once_are_counted_by_the_decoded_images(members):
    z = noise.draw_noise(steps=1, samples=2, shape=(2, 8, 8), seed=1)
    options = {"keep": np.ones((3, 3), bool), "noise": z, "sampler": "ddpm", "device": CPU}
    sizes = [len(each) for each in sampling.sample_groups(members, space=Huge(), **options)]
    assert sizes == [2, 1]  # of two samples each: 4 x 2**22 values are 64 MiB
