"""Memory of each rule: asked for as the configuration says."""

import re
from pathlib import Path

import yaml
from encoded_ensembles.config.check import check_config
from encoded_ensembles.runs import peaks
from encoded_ensembles.runs.plan import TORCH
from encoded_ensembles.runs.size import size_of
from workspace import REPOSITORY


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
        "sample_ensemble": {"code": {"members": 40}},
        "ablate_block": {"sampling": {"samples": 100}},
        "sample_frechet": {"frechet": {"samples": 4096}},
        "follow_members": {"dataset": {"size": 64}},
        "measure_influence": {"code": {"null_words": 4000}},
        "grade_methods": {"grade": {"bootstrap": 100_000}},
        "project_gradients": {"rivals": {"levels": 100}},
        "make_gallery": {"sampling": {"samples": 64}},
        "score_methods": {"heldout": {"models": 2}},  # computes features, so it imports PyTorch
    }.items():
        assert asked(schema, **parts)[rule] > small[rule], rule
    assert small["record_run"] == peaks.LEAST_MB


def test_what_a_gpu_holds_is_not_asked_of_the_host(schema):
    """Issue 14.10: activations and gradients lie on the GPU, weights are loaded by the host."""
    here, there = asked(schema), asked(schema, gpu=True)
    for rule in ("train_member", "project_gradients", "sample_frechet"):
        assert there[rule] < here[rule] + peaks.GPU_MB, rule
    weights = 20 * 35_746_307 * 4 / 1e6
    assert there["sample_ensemble"] > peaks.GPU_MB + peaks.MARGIN * weights


def test_rules_without_a_term_are_those_that_hold_little():
    """Issue 14.10: a rule that comes is thought of."""
    text = "".join(file.read_text() for file in (REPOSITORY / "workflow/rules").glob("*.smk"))
    named = set(re.findall(r'memory\("(\w+)"\)', text))
    schema = yaml.safe_load((REPOSITORY / "workflow/schemas/config.schema.yaml").read_text())
    known = set(asked(schema, "lora")) | set(asked(schema, "latents"))
    little = {
        "record_run",
        "fetch_perceptual",
        "plot_aliasing",
        "plot_kept",
        "plot_loss",
        "plot_gains",
        "plot_scoreboard",
    }
    assert named - known == (little | {"plot_truth", "plot_levels"}) - known
    assert known - named == set()


def test_a_job_starts_with_what_it_imports():
    """Issue 16.4: NumPy, pandas, torch, and torch with schedulers of diffusers."""
    rules = ("draw_noise", "measure_contrast", "score_rivals", "sample_frechet")
    starts = [peaks.peak_mb(rule, {}) for rule in rules]
    assert starts == sorted(set(starts))
    assert peaks.UNSAMPLED < TORCH
    assert not peaks.LEAN & TORCH
