"""Memory: bounded where it is cheap, and asked for as the configuration says."""

import hashlib
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from encoded_ensembles.commands.draw_noise import draw_noise
from encoded_ensembles.config import job_limits
from encoded_ensembles.config.check import check_config
from encoded_ensembles.data.images import ImageSet, write_images
from encoded_ensembles.ensemble import noise
from encoded_ensembles.randomness import Purpose, generator
from encoded_ensembles.runs import peaks
from encoded_ensembles.runs.size import size_of
from encoded_ensembles.storage import files
from workspace import REPOSITORY


def drawn_at_once(*, steps, samples, shape, seed):
    """The exogenous noise of all steps of one sample after the other, all held."""
    draws = [
        generator(seed=seed, purpose=Purpose.SAMPLING, key=sample).standard_normal(
            (steps + 1, *shape), dtype=np.float32
        )
        for sample in range(samples)
    ]
    return np.stack(draws, axis=1)


@pytest.mark.parametrize("held", [1, 40, 2**23])
@pytest.mark.parametrize("shape", [(1, 3, 3), (3, 4, 4)])
def test_noise_is_the_same_however_many_steps_are_drawn_at_once(tmp_path, monkeypatch, held, shape):
    """Issue 14.10: the file of noise keeps its bytes, and no longer lies in memory whole."""
    monkeypatch.setattr(noise, "HELD", held)
    channels, side, _ = shape
    images = np.zeros((2, side, side, channels), np.uint8)
    labels = np.zeros(2, np.int64)
    write_images(
        tmp_path / "data.npz", ImageSet(images, labels, np.array(["x"]), np.array(["a", "b"]))
    )
    draw_noise(tmp_path / "data.npz", tmp_path / "noise.safetensors", samples=3, steps=5, seed=7)
    known = drawn_at_once(steps=5, samples=3, shape=shape, seed=7)
    files.write_tensors(tmp_path / "known", {"noise": known})
    assert (tmp_path / "noise.safetensors").read_bytes() == (tmp_path / "known").read_bytes()
    again = noise.draw_noise(steps=5, samples=3, shape=shape, seed=7)
    assert again.tobytes() == known.tobytes()


def test_noise_is_held_a_few_steps_at_a_time():
    """Issue 14.10: 512 samples of 32x32 in colour take 6 GB for 1000 steps, and 13 MB at once here."""
    parts = noise.noise_steps(steps=1000, samples=512, shape=(3, 32, 32), seed=0)
    assert next(parts).nbytes <= 4 * noise.HELD


def test_a_long_table_has_the_bytes_of_one_string(tmp_path):
    """Issue 14.10: a CSV is written some rows at a time."""
    rows = 120_000  # pandas writes 100,000 values at a time
    table = pd.DataFrame({"a": np.arange(rows) / 7, "name": [f"ü,{i}" for i in range(rows)]})
    files.write_table(tmp_path / "t.parquet", table)
    text = table.to_csv(index=False).encode()
    assert hashlib.sha256(text).hexdigest() == files.sha256_file(tmp_path / "t.csv")


def asked(schema, preset="paper-cifar10", *, gpu=False, **parts):
    """Return the memory in MB that each rule of a preset asks for, with some parts laid over."""
    written = yaml.safe_load((REPOSITORY / f"presets/{preset}.yaml").read_text())
    for key, value in parts.items():
        written[key] = written.get(key, {}) | value
    config = check_config(written, schema)
    size = size_of(config, Path("nowhere"))
    rules = peaks.peaks(config, *size)
    return {rule: peaks.memory_mb(rule, config, *size, gpu=gpu) for rule in [*rules, "record_run"]}


def test_memory_follows_the_configuration(schema):
    """Issue 14.10: what is larger asks for more; what nothing is known of, for the least."""
    small = asked(schema)
    for rule, parts in {
        "train_member": {"training": {"steps_per_epoch": 100}},
        "sample_ensemble": {"code": {"null_words": 4000}},
        "ablate_block": {"sampling": {"samples": 100}},
        "sample_frechet": {"frechet": {"samples": 2048}},
        "follow_members": {"dataset": {"size": 64}},
        "measure_influence": {"landscape": {"blocks": 10}},
        "grade_methods": {"grade": {"bootstrap": 100_000}},
        "project_gradients": {"rivals": {"levels": 100}},
        "make_gallery": {"sampling": {"samples": 64}},
    }.items():
        assert asked(schema, **parts)[rule] > small[rule], rule
    assert small["record_run"] == peaks.LEAST_MB


def test_what_a_gpu_holds_is_not_asked_of_the_host(schema):
    """Issue 14.10: activations and gradients lie on the GPU, weights are loaded by the host."""
    here, there = asked(schema), asked(schema, gpu=True)
    for rule in ("train_member", "project_gradients", "sample_frechet"):
        assert there[rule] < here[rule] + peaks.GPU_MB, rule
    weights = 20 * 97_181_955 * 4 / 1e6
    assert there["sample_ensemble"] > peaks.GPU_MB + peaks.MARGIN * weights


def test_a_peak_by_hand(schema):
    """Issue 14.10: counterfactuals that are compared at once, of 20 images of 8x8."""
    config = check_config(
        {"dataset": {"images": 20}, "code": {"null_words": 8}, "landscape": {"blocks": 1}}, schema
    )
    size, network = size_of(config, Path("nowhere"))
    more = check_config(
        {"dataset": {"images": 20}, "code": {"null_words": 108}, "landscape": {"blocks": 1}}, schema
    )
    found, larger = (
        peaks.peaks(each, size, network)["measure_influence"] for each in (config, more)
    )
    picture = 16 * 64 * 4  # all samples once
    distances = 20 * 16 * 100 * 2.5 * 8  # of all masks from the units' images
    assert larger - found == pytest.approx(100 * 2 * picture + 2 * 100 * 64 * 8 + distances)


def test_rules_without_a_term_are_those_that_hold_little():
    """Issue 14.10: a rule that comes is thought of."""
    text = "".join(file.read_text() for file in (REPOSITORY / "workflow/rules").glob("*.smk"))
    named = set(re.findall(r'memory\("(\w+)"\)', text))
    schema = yaml.safe_load((REPOSITORY / "workflow/schemas/config.schema.yaml").read_text())
    known = set(asked(schema, "lora")) | set(asked(schema, "latents"))
    little = {
        "record_run",
        "plot_aliasing",
        "plot_kept",
        "plot_loss",
        "plot_gains",
        "plot_scoreboard",
    }
    assert named - known == (little | {"plot_truth", "plot_levels"}) - known
    assert known - named == set()


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"landscape": {"blocks": 129}}, r"landscape.blocks is 129, expected at most 128.*units"),
        ({"landscape": {"blocks": 100_000}}, r"landscape.blocks is 100000, expected.*at most 10000"),
        (
            {"landscape": {"blocks": 17, "mode": "screened"}},
            r"landscape.blocks is 17, expected at most 16, the number of samples",
        ),
        ({"frechet": {"blocks": 40}}, r"frechet.blocks is 40, expected at most \d+.*keep masks"),
        ({"retrain": {"units": 1667}}, r"retrain.units requests 10002 trainings, expected at most"),
        ({"heldout": {"models": 101, "repeats": 100}}, r"heldout.models requests 10100 trainings"),
        (
            {"dataset": {"name": "celeba", "size": 32, "images": None, "labels": 3},
             "units": {"by": "label"}, "landscape": {"blocks": 4}},
            r"landscape.blocks is 4, expected at most 3, the number of units",
        ),
    ],
)  # fmt: skip
def test_more_jobs_than_work_or_than_can_be_planned(schema, parts, said):
    """Issue 14.9: refused at the start, in one sentence."""
    with pytest.raises(files.InputError, match=said):
        check_config(parts, schema)


def test_ten_thousand_blocks_can_be_asked_for(schema):
    """Issue 14.9: as many as a run of 60,000 units may want."""
    wide = {"dataset": {"name": "cifar10", "images": 10_000}, "code": {"members": 20}}
    config = check_config(wide | {"landscape": {"blocks": job_limits.MOST_JOBS}}, schema)
    assert config["landscape"]["blocks"] == 10_000
