"""How large a run is, before its data is fetched; and networks that do not suit the images."""

import json

import pytest
import torch
import yaml
from encoded_ensembles.config.check import check_config
from encoded_ensembles.data import catalogue
from encoded_ensembles.runs import frozen_size
from encoded_ensembles.runs import size as run_size
from encoded_ensembles.storage.files import InputError, write_facts
from PIL import Image
from safetensors.torch import save_file
from workspace import REPOSITORY

PRESETS = sorted((REPOSITORY / "presets").glob("*.yaml"))


def configured(schema, name, **parts):
    """Return a preset's configuration with some parts laid over."""
    written = yaml.safe_load((REPOSITORY / f"presets/{name}.yaml").read_text())
    for key, value in parts.items():
        written[key] = written.get(key, {}) | value
    return check_config(written, schema)


@pytest.mark.parametrize("name", ["digits", "mnist5k"])
def test_the_catalogue_says_what_the_loader_gives(name):
    """Issue 14.6: side, channels, images and labels of data sets that are read offline."""
    source = catalogue.load(name, path=None, cache=None, mirror=None, size=None, channels=None)
    count, height, width, channels = source.all.images.shape
    assert height == width
    found = (height, channels, count, int(source.test.sum()), len(source.all.label_names))
    assert found == catalogue.OWN[name]


def test_pictures_have_the_channels_of_the_catalogue(tmp_path):
    """Issue 14.6: dataset.channels null means what the catalogue says."""
    Image.new("L", (9, 9)).save(tmp_path / "grey.png")
    source = catalogue.load("folder", path=tmp_path, cache=None, mirror=None, size=8, channels=None)
    assert source.all.images.shape == (1, 8, 8, catalogue.OWN["folder"].channels)


def test_every_data_set_is_in_the_catalogue():
    assert sorted(catalogue.OWN) == sorted([*catalogue.ARRAYS, *catalogue.PICTURES])
    assert {name for name, own in catalogue.OWN.items() if own.side} == set(catalogue.ARRAYS)


@pytest.mark.parametrize(
    ("preset", "shape", "seen"),
    [
        ("successor-celeba", (3, 32, 32), (3, 32, 32)),
        ("successor-metfaces", (3, 32, 32), (3, 32, 32)),
        ("paper-mnist", (1, 28, 28), (1, 28, 28)),
        ("successor-mnist", (1, 32, 32), (1, 32, 32)),  # 28 and a border of 2 on both sides
        ("paper-cifar10", (3, 32, 32), (3, 32, 32)),
        ("successor-celeba-latents", (3, 256, 256), (4, 32, 32)),
        ("artists-small", (3, 16, 16), (3, 16, 16)),
    ],
)
def test_shapes_of_presets(schema, tmp_path, preset, shape, seen):
    """Issue 14.6: colour sets are planned in colour, borders count, own sizes are known."""
    config = configured(schema, preset)
    assert run_size.image_shape(config["dataset"]) == shape
    assert run_size.seen_shape(config, shape, tmp_path) == seen


def test_the_shape_of_latents_is_the_autoencoders(schema, tmp_path):
    """Issue 14.6: four widths halve three times; the run's own copy is read where the folder is gone."""
    given = {"_class_name": "AutoencoderKL", "in_channels": 3, "out_channels": 3}
    given |= {"latent_channels": 16, "block_out_channels": [8, 8, 8]}
    for place in ("given", "run/autoencoder"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "config.json").write_text(json.dumps(given))
    for named in (str(tmp_path / "given"), "some/name"):
        config = configured(schema, "successor-celeba-latents", model={"autoencoder": named})
        assert run_size.seen_shape(config, (3, 256, 256), tmp_path / "run") == (16, 64, 64)


@pytest.mark.parametrize(
    ("preset", "images", "units"),
    [
        ("paper-cifar10", 60_000 - 2048, 60_000 - 2048),
        ("paper-mnist", 10_000, 10_000),
        ("successor-cifar100-50000", 50_000, 50_000),
        ("successor-artbench", 50_000, 2108),
        ("successor-celeba", 10_174, 512),
        ("successor-metfaces", 1272, None),
        ("artists-small", 12 * 31, 31),
        ("planted", 512, 512 - 127 - 95),
        ("pictures", None, None),
    ],
)
def test_images_and_units_of_presets(schema, preset, images, units):
    config = configured(schema, preset)
    assert run_size.count_images(config["dataset"]) == images
    assert run_size.count_units(config, images or 1) == (units or (1 if images is None else None))


def test_images_of_a_folder_are_counted_and_then_read_from_the_run(schema, tmp_path):
    """Issue 14.10: what is asked for follows the data once it is there."""
    pictures, run = tmp_path / "pictures", tmp_path / "run"
    pictures.mkdir()
    for number in range(50):
        Image.new("RGB", (4, 4)).save(pictures / f"{number}.png")
    own = {"path": str(pictures), "heldout": 8}
    config = configured(schema, "pictures", dataset=own, units={"by": "label"})
    size, _ = run_size.size_of(config, run)
    assert (size.images, size.units) == (
        42,
        42,
    )  # as many units as images, while they are not known
    for file, facts in {
        "data/dataset.json": {"images": {"training": 40}},
        "code/properties.json": {"units": 7},
    }.items():
        (run / file).parent.mkdir(parents=True)
        (run / file).write_text(json.dumps(facts))
    size, _ = run_size.size_of(config, run)
    assert (size.images, size.units) == (40, 7)
    (run / "data/dataset.json").write_text("{")  # being read while it is damaged
    assert run_size.size_of(config, run)[0].images == 42


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"model": {"attention": [4]}}, r"model.attention holds 4, expected 0 to 3"),
        ({"model": {"norm_groups": 24}}, r"model.widths holds 128, expected a multiple of"),
        (
            {"dataset": {"border": 1}},
            r"images of 30x30 pixels are not divisible by 8.*set dataset.size",
        ),
        ({"model": {"widths": [32] * 7}}, r"halve an image 6 times.*set dataset.size to 64"),
    ],
)
def test_a_network_that_does_not_suit_the_images_is_refused_at_the_start(schema, parts, said):
    """Issue 14.11: attention level, groups and widths are known before any training."""
    with pytest.raises(InputError, match=said):
        run_size.check_network(configured(schema, "successor-mnist", **parts))


def test_given_networks_are_checked_at_the_start(schema, tmp_path):
    """Issue 14.11: an autoencoder of grey images, a base for other images; what is not there is not."""
    grey = {"in_channels": 1, "out_channels": 1, "latent_channels": 4, "block_out_channels": [8, 8]}
    (tmp_path / "config.json").write_text(json.dumps(grey))
    given = {"autoencoder": str(tmp_path)}
    with pytest.raises(InputError, match=r"autoencoder is for images of 1 channels"):
        run_size.check_network(configured(schema, "successor-celeba-latents", model=given))
    run_size.check_network(configured(schema, "successor-celeba-latents"))
    base = {"in_channels": 3, "out_channels": 3, "sample_size": 16}
    (tmp_path / "config.json").write_text(json.dumps(base))
    with pytest.raises(InputError, match=r"model.base is a network for images of \(3, 16, 16\)"):
        run_size.check_network(configured(schema, "lora", model={"base": str(tmp_path)}))


@pytest.mark.parametrize(
    ("preset", "network", "fits"), [("sd3-lora", {"patch_size": 2}, 20), ("sd15-lora", {}, 18),
    ("flux-lora", {"_class_name": "FluxTransformer2DModel", "patch_size": 1}, 20)]
)  # fmt: skip
def test_pictures_are_divisible_into_tokens(schema, tmp_path, preset, network, fits):
    """Of 2x2 latent pixels in SD3 and FLUX, each of 2x2 pixels here; a U-Net knows none."""
    coder = {
        "in_channels": 3, "out_channels": 3, "latent_channels": 4, "block_out_channels": [8, 8],
    }  # fmt: skip
    for role, config in {
        "vae": coder,
        "transformer" if "1" not in preset else "unet": network,
    }.items():
        (tmp_path / role).mkdir()
        (tmp_path / role / "config.json").write_text(json.dumps(config))
    own = {"model": {"base": str(tmp_path)}, "dataset": {"size": 18}}
    config = configured(schema, preset, **own)
    if fits == 18:
        run_size.check_network(config)
        return
    with pytest.raises(
        InputError, match=r"4x4 pixels, but images of 18x18 .* set dataset.size to 20"
    ):
        run_size.check_network(config)
    run_size.check_network(configured(schema, preset, **own | {"dataset": {"size": fits}}))


@pytest.mark.parametrize("preset", [each.stem for each in PRESETS])
@pytest.mark.parametrize("smoke", [False, True])
def test_presets_pass_the_checks_of_the_start(schema, preset, smoke):
    config = check_config(
        yaml.safe_load((REPOSITORY / f"presets/{preset}.yaml").read_text()) | {"smoke": smoke},
        schema,
    )
    run_size.check_network(config)


@pytest.mark.parametrize(("heldout", "numbers"), [(0.2, (8, 2)), (0.01, (8, 2)), (3, (7, 3))])
def test_a_plan_counts_the_pictures_that_are_read(tmp_path, heldout, numbers):
    """Issue 14.18: a share is of what lies in the folder."""
    for number in range(10):
        Image.new("RGB", (12, 12)).save(tmp_path / f"{number}.png")
    (tmp_path / "notes.txt").touch()
    dataset = {
        "name": "folder", "path": str(tmp_path), "images": None, "part": "train", "heldout": heldout,
        "labels": None, "per_label": None,
    }  # fmt: skip
    assert (run_size.count_images(dataset), run_size.count_heldout(dataset)) == numbers
    assert run_size.count_heldout(dataset | {"path": "gone", "heldout": 0.2}) == 2000  # a guess
    mnist = dataset | {"name": "mnist", "heldout": 0.1}
    assert [
        (run_size.count_images(each), run_size.count_heldout(each))
        for each in (mnist, mnist | {"part": "test"}, mnist | {"part": "all"})
    ] == [(60_000, 1000), (10_000, 6000), (63_000, 7000)]


def test_a_prompted_run_counts_the_networks_of_its_pipeline(schema, tmp_path):
    """In a folder, of any type of number; the run's own copy of the base once the folder is gone."""
    parts = {"unet": torch.bfloat16, "vae": torch.float32, "text_encoder": torch.float16}
    for number, (role, dtype) in enumerate(parts.items(), 1):
        (tmp_path / role).mkdir()
        save_file({"a": torch.zeros(number, 10, dtype=dtype)}, tmp_path / role / "a.safetensors")
    save_file({"a": torch.zeros(99)}, tmp_path / "whole.safetensors")  # beside them, as on the hub
    save_file({"a": torch.zeros(99)}, tmp_path / "unet/a.fp16.safetensors")
    config = configured(schema, "sdxl-lora", model={"base": str(tmp_path)})
    size, network = run_size.size_of(config, tmp_path / "run")
    assert (size.frozen, network.weights) == ({"base": 10, "autoencoder": 20}, 10)
    assert frozen_size.count_frozen(config, "encoders", tmp_path) == 30
    unknown = configured(schema, "sdxl-lora", model={"base": "some/pipeline"})
    assert run_size.size_of(unknown, tmp_path / "run")[0].frozen["base"] == 2_567_463_684
    (tmp_path / "run/base").mkdir(parents=True)
    save_file({"a": torch.zeros(7)}, tmp_path / "run/base/a.safetensors")
    assert run_size.size_of(unknown, tmp_path / "run")[0].frozen["base"] == 7
    write_facts(tmp_path / "run/base/pipeline.json", {"pipeline": "FluxPipeline"})
    flux = frozen_size.count_frozen(unknown, "encoders", tmp_path / "run")
    assert flux == 123_060_480 + 4_762_310_656  # CLIP-L and T5-XXL


def test_a_published_pipeline_without_prompts_is_refused_at_the_start(schema):
    config = configured(schema, "lora", model={"base": "black-forest-labs/FLUX.1-dev"})
    with pytest.raises(
        InputError, match=r"a text-to-image pipeline, but sampling.prompts is not set"
    ):
        run_size.check_network(config)
