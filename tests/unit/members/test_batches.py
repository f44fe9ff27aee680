"""What a network is fed: draws by seed, image and epoch, and images as it sees them."""

import dataclasses

import numpy as np
import pytest
import torch
from encoded_ensembles.data import images as data
from encoded_ensembles.members import batches
from encoded_ensembles.randomness import name_key

RECIPE = batches.Recipe(
    epochs=3, steps_per_epoch=4, learning_rate=1e-3, ema=0.9, precision="float32", seed=5, flip=True
)
KEY = name_key("x/0")
NAMES = [f"x/{i}" for i in range(9)]


def draw(*, key=KEY, epoch=0, shape=(1, 2, 2), **changes):
    return batches.draw_use(
        recipe=dataclasses.replace(RECIPE, **changes), key=key, epoch=epoch, shape=shape
    )


def test_steps_in_all():
    assert RECIPE.steps == 12


def test_each_epoch_image_and_seed_has_draws_of_its_own():
    """Issue 14.28: the same draws in every epoch would leave most levels out."""
    again, base = draw(), draw()
    assert base[:2] == again[:2]
    assert np.array_equal(base[2], again[2])
    for other in (draw(epoch=1), draw(key=name_key("x/1")), draw(seed=6)):
        assert not np.array_equal(base[2], other[2])
    assert len({draw(epoch=epoch)[1] for epoch in range(200)}) > 150
    mirrored = np.mean([draw(epoch=epoch)[3] for epoch in range(200)])
    assert 0.3 < mirrored < 0.7
    assert not any(draw(epoch=epoch, flip=False)[3] for epoch in range(200))


def test_every_level_and_every_step_is_drawn():
    """Issue 14.28: 0 and 999 both occur, and so does each step of an epoch, evenly."""
    used = np.array([draw(epoch=epoch, shape=None)[:2] for epoch in range(20_000)])
    assert (used[:, 1].min(), used[:, 1].max()) == (0, 999)
    assert used[:, 1].mean() == pytest.approx(499.5, abs=10)
    assert np.bincount(used[:, 0]) / 20_000 == pytest.approx(np.full(4, 0.25), abs=0.02)


def test_leaving_the_noise_out_changes_no_other_draw():
    for epoch in range(20):
        assert draw(epoch=epoch)[:2] == draw(epoch=epoch, shape=None)[:2]


def test_a_batch_holds_the_draws_of_its_images():
    keys = sorted(name_key(f"x/{i}") for i in range(9))
    options = {"recipe": RECIPE, "shape": (1, 2, 2)}
    for number, batch in enumerate(batches.batches(keys, start=5, **options), start=5):
        epoch, step = divmod(number, RECIPE.steps_per_epoch)
        each = [draw(key=key, epoch=epoch) for key in keys]
        assert batch[0].tolist() == [row for row, used in enumerate(each) if used[0] == step]
        for row, level, noise, mirrored in zip(*batch, strict=True):
            assert (level, mirrored) == (each[row][1], each[row][3])
            assert np.array_equal(noise, each[row][2])
    assert number == 11


def test_dropout_has_a_seed_for_each_step():
    """Issue 14.28: one mask for ever would drop the same activations in every step."""
    seeds = {batches.dropout_seed(RECIPE, step) for step in range(100)}
    assert len(seeds) == 100
    assert batches.dropout_seed(dataclasses.replace(RECIPE, seed=6), 0) not in seeds


class Halved:
    """A space of latents: the mean of the two halves of an image, which mirroring does not turn."""

    def seen(self, image):
        return image[0], image[1], image[2] // 2

    def encode(self, images):
        assert len(images) == 1  # so that memory does not grow
        return images[..., : images.shape[3] // 2] * 0.5


def test_images_are_seen_as_pixels_or_as_latents_of_one_at_a_time():
    images = np.arange(24, dtype=np.uint8).reshape(2, 2, 6, 1) * 10
    options = {"device": torch.device("cpu")}
    seen, turned = batches.see(images, space=batches.Pixels(), flip=True, **options)
    assert turned is None
    assert np.array_equal(seen.numpy(), data.to_signed(images))
    seen, turned = batches.see(images, space=Halved(), flip=True, **options)
    assert np.array_equal(seen.numpy(), data.to_signed(images)[..., :3] * np.float32(0.5))
    # Of the mirrored images, not mirrored latents.
    assert np.array_equal(turned.numpy(), data.to_signed(images)[..., :2:-1] * np.float32(0.5))
    assert batches.see(images, space=Halved(), flip=False, **options)[1] is None
    chosen = batches.mirror(seen, np.array([True, False]), turned)
    assert torch.equal(chosen, torch.stack([turned[0], seen[1]]))


def plan(keys, start=0, *, flip=False):
    recipe = dataclasses.replace(RECIPE, flip=flip)
    return list(batches.batches(sorted(keys), recipe=recipe, shape=(1, 2, 2), start=start))


def test_every_image_is_used_once_an_epoch():
    steps = plan(range(50))
    assert len(steps) == 12
    for epoch in range(3):
        rows = np.concatenate([rows for rows, *_ in steps[4 * epoch : 4 * epoch + 4]])
        assert sorted(rows) == list(range(50))
    levels = np.concatenate([levels for _, levels, *_ in steps])
    assert 0 <= levels.min() < 100 < 900 < levels.max() < 1000


def test_an_image_that_goes_changes_only_the_batches_that_held_it():
    keys = sorted(name_key(name) for name in NAMES)
    gone = keys[3]
    without = [key for key in keys if key != gone]
    for (rows, levels, noise, _), (rows2, levels2, noise2, _) in zip(
        plan(keys), plan(without), strict=True
    ):
        stays = np.array([keys[row] != gone for row in rows], bool)
        assert [keys[r] for r in rows[stays]] == [without[r] for r in rows2]
        assert np.array_equal(levels[stays], levels2)
        assert np.array_equal(noise[stays], noise2)


def test_plan_can_start_anywhere():
    keys = [name_key(name) for name in NAMES]
    for full, late in zip(plan(keys)[5:], plan(keys, start=5), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(full, late, strict=True))


def test_half_of_the_uses_are_mirrored_and_nothing_else_changes():
    plain, flipped = plan(range(50)), plan(range(50), flip=True)
    for without, within in zip(plain, flipped, strict=True):
        assert not without[3].any()
        assert all(np.array_equal(a, b) for a, b in zip(without[:3], within[:3], strict=True))
    share = np.concatenate([mirrored for *_, mirrored in flipped]).mean()
    assert 0.3 < share < 0.7


def test_mirrored_by_hand():
    images = torch.tensor([[[[1, 2]]], [[[3, 4]]]])
    assert batches.mirror(images, np.array([False, True])).tolist() == [[[[1, 2]]], [[[4, 3]]]]
