"""What text-to-image runs take, before anything is downloaded."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from encoded_ensembles.config.check import check_config
from encoded_ensembles.members import text_cost
from encoded_ensembles.members.published import PUBLISHED
from encoded_ensembles.runs import array_terms, peaks, plan, text_rates
from encoded_ensembles.runs.size import Size, image_shape, size_of
from encoded_ensembles.storage.files import InputError
from workspace import REPOSITORY

SEEN = {
    "sd15-lora": (4, 64, 64),
    "sdxl-lora": (4, 128, 128),
    "sd3-lora": (16, 128, 128),
    "flux-lora": (16, 128, 128),
}
GB = 1e9
FLUX = "black-forest-labs/FLUX.1-dev"
MOST = 12.5 + 4 * 12.5**0.5  # images in a batch: 100 in 8 steps


def preset(schema, name, **parts):
    written = yaml.safe_load((REPOSITORY / f"presets/{name}.yaml").read_text())
    for key, value in parts.items():
        written[key] = written[key] | value
    return check_config(written, schema)


@pytest.fixture
def counted(monkeypatch, tmp_path):
    """Costs in round numbers in place of counted ones, which take minutes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(text_rates, "_speed", lambda *_: 1e9)
    nothing = dict.fromkeys(("start", "start_figure", "start_light"), 0.0)
    monkeypatch.setattr(text_rates, "starts", lambda: nothing)

    def text(config, latent, **_):
        weights = next(each.weights["base"] for each in PUBLISHED.values() if each.base == config)
        return text_cost.TextCost(weights, 10**7, 2 * weights, 1e12, 2 * GB, GB, embedded=10**6)

    def coder(config, image, latent):
        assert config["latent_channels"] == latent[0]
        return text_cost.CoderCost(10**8, 1e9, 1e9, held=GB)

    monkeypatch.setattr(text_cost, "text_cost", text)
    monkeypatch.setattr(text_cost, "coder_cost", coder)


@pytest.mark.parametrize("name", SEEN)
def test_presets_are_planned_before_their_download(schema, counted, name):
    config = preset(schema, name)
    shape = image_shape(config["dataset"])
    found = text_rates.text_rates(config, shape, 100, device="cpu")
    base = PUBLISHED[config["model"]["base"]].weights["base"]
    assert found.networks.seen == SEEN[name]
    assert found.networks.frozen["base"] == found.size.weights == base
    together = {"sd15-lora": 16, "flux-lora": 4}.get(name, 8)
    arrays = 4 * (100 * np.prod(SEEN[name]) + MOST * 10**6)  # latents, and embeddings of a batch
    assert found.training_bytes == pytest.approx(
        2 * base + 5 * 4 * 10**7 + together * 2 * GB + arrays
    )
    work = plan.plan(config, Size(100, 100, shape, **found.networks.__dict__), passes=found.passes)
    stored = {"sd3-lora": 2, "flux-lora": 2}.get(name, 4)  # published in bfloat16, or float32
    assert work["fetch_pipeline"].bytes == stored * base + 4 * 10**8
    assert work["encode_captions"].bytes == 100 * array_terms.embedded(config)
    trained = work["train_adapter"].steps  # a forward pass takes 1e12 operations
    images = sum(count * each for count, each in trained)
    assert work["train_adapter"].flops(found.rates) == 3e12 * images
    assert found.rates.image == 3 * found.rates.row


def test_the_model_that_sees_all_images_needs_most(schema, counted):
    """12.5 of 100 images in a step on average, and 26.6 at most; members see half of them."""
    config = preset(schema, "sd15-lora", training={"accumulation": None})
    found = text_rates.text_rates(config, (3, 512, 512), 100, device="cpu")
    base = PUBLISHED[config["model"]["base"]].weights["base"]
    arrays = 4 * (100 * 4 * 64 * 64 + MOST * 10**6)
    assert found.training_bytes == pytest.approx(2 * base + 20 * 10**7 + MOST * 2 * GB + arrays)
    more = preset(schema, "sd15-lora", sampling={"prompts": list("abcdefghijk")})
    again = text_rates.text_rates(more, (3, 512, 512), 100, device="cpu")
    assert again.sampling_bytes - found.sampling_bytes == 10 * 2 * 10**6


def test_a_revision_of_a_known_pipeline_is_known(schema, counted):
    plain, pinned = (
        preset(schema, "flux-lora", dataset={"images": 100}, model={"base": FLUX + revision})
        for revision in ("", "@0ef5fff")
    )
    assert size_of(pinned, Path("nowhere")) == size_of(plain, Path("nowhere"))
    assert array_terms.encoders(pinned) == array_terms.encoders(plain)
    found = [
        text_rates.text_rates(each, (3, 1024, 1024), 100, device="cpu") for each in (plain, pinned)
    ]
    assert found[0] == found[1]


def test_members_that_are_whole_denoisers_are_each_as_large_as_the_base(schema, counted):
    taken = {"members": {"given": "elsewhere", "whole": True}}
    config = preset(schema, "sdxl-lora", dataset={"images": 100})
    whole = config | {"members": config["members"] | taken["members"]}
    base = PUBLISHED[config["model"]["base"]].weights["base"]
    assert size_of(whole, Path("nowhere"))[0].weights == base
    assert size_of(config, Path("nowhere"))[0].weights == base * 16 // 1500
    bytes_of = [
        text_rates.text_rates(each, (3, 1024, 1024), 100, device="cpu").sampling_bytes
        for each in (whole, config)
    ]
    assert bytes_of[0] - bytes_of[1] == 16 * 2 * (base - 10**7)


def test_a_pipeline_that_is_not_known_has_to_be_downloaded(schema, counted):
    config = preset(schema, "sdxl-lora", model={"base": "some/pipeline"})
    with pytest.raises(
        InputError, match="some/pipeline, expected the folder of a pipeline on this"
    ):
        text_rates.text_rates(config, (3, 1024, 1024), 100, device="cpu")


@pytest.mark.parametrize(
    ("name", "training", "encoding"),
    [
        ("sd15-lora", 2, 0.5),
        ("sdxl-lora", 5.1, 3.2),
        ("sd3-lora", 4.5, 22.3),
        ("flux-lora", 23.8, 19.5),
    ],
)
def test_host_memory_holds_the_networks(schema, name, training, encoding):
    """GB: the denoiser in bfloat16, and text encoders in float32."""
    config = preset(schema, name, dataset={"images": 100})
    size, network = size_of(config, Path("nowhere"))
    found = {
        rule: peaks.memory_mb(rule, config, size, network, gpu=True) / 1e3
        for rule in ("train_adapter", "encode_captions", "sample_ensemble")
    }
    least = peaks.MARGIN * training
    assert least < found["train_adapter"] < least + 13
    assert least < found["sample_ensemble"] < 2 * least + 15
    assert peaks.MARGIN * encoding < found["encode_captions"] < peaks.MARGIN * encoding + 9


def test_the_speed_of_a_machine_is_found_by_a_coarse_clock(monkeypatch):
    """Three products took no time by a clock with steps of 0.01 s: a division by zero."""
    read = iter([0.0] * 4 + [0.01] * 3 + [0.02] * 3)
    monkeypatch.setattr(text_rates, "clock", lambda device: next(read))
    side = text_rates.SIDES["cpu"]
    assert text_rates._speed("cpu", "float32") == 7 * 2 * side**3 / 0.02
