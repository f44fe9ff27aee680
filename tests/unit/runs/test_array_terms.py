"""Bytes of arrays that several rules hold."""

import numpy as np
import pytest
import yaml
from encoded_ensembles.config.check import check_config
from encoded_ensembles.members.batches import Recipe, draw_use
from encoded_ensembles.runs import array_terms
from encoded_ensembles.runs.size import Size
from workspace import REPOSITORY


def test_terms_by_hand():
    """All six words of four members, 8 bytes for each member's bit; and what is free of them."""
    config = {"code": {"family": "random", "members": 4, "weight": 2}}
    size = Size(images=20, units=4, shape=(1, 8, 8), seen=(1, 8, 8), weights=0)
    assert array_terms.words(config) == 4 * 8 * 6
    assert [array_terms.free_words(config, size, limit) for limit in (1, 9)] == [1, 2]
    shared = {"code": config["code"] | {"family": "partition"}}
    assert (array_terms.words(shared), array_terms.free_words(shared, size, 9)) == (0, 0)
    assert array_terms.read(config, size) == 20 * (64 + 4 * 150)
    assert array_terms.table(10, 3) == 10 * (2 * 8 * 3 + 2 * 150)


@pytest.mark.parametrize(
    ("preset", "numbers"),
    [("sd15", 77 * 768), ("sdxl", 77 * 2048), ("sd3", 589 * 4096), ("flux", 589 * 4096)],
)
def test_embeddings_of_a_caption_by_hand(schema, preset, numbers):
    """Tokens of CLIP, and with T5 up to 512 more; SD3 takes 256 of them."""
    written = yaml.safe_load((REPOSITORY / f"presets/{preset}-lora.yaml").read_text())
    assert array_terms.embedded(check_config(written, schema)) == 4 * numbers
    assert array_terms.embedded(check_config({}, schema)) == 0


def test_the_largest_batch_is_what_is_drawn_at_most():
    """Of 50 or 100 pictures at 8 steps an epoch; mean batches are of 6.25 and 12.5."""
    training = {"steps_per_epoch": 8, "accumulation": 4}
    config = {"training": training, "sampling": {"prompts": ["a cat"]}}
    recipe = Recipe(100, 8, learning_rate=1e-4, ema=0, precision="float32", seed=0)
    counts = np.zeros((100, 8), int)
    for images, bound in ((50, 16.25), (100, 26.6)):
        for epoch in range(100):
            for key in range(images - 50, images):
                counts[epoch, draw_use(recipe=recipe, key=key, epoch=epoch, shape=None)[0]] += 1
        largest = array_terms.largest_batch(training, images)
        assert largest == pytest.approx(bound, abs=0.1)
        assert largest / 2 < counts.max() <= largest
        assert array_terms.most_at_once(config, images) == 4
        plain = config | {"sampling": {"prompts": []}}  # of which no batch is split
        assert array_terms.most_at_once(plain, images) == largest
    assert array_terms.largest_batch({"steps_per_epoch": 1}, 60) == 60
