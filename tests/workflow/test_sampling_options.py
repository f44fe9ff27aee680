"""Keys of sampling reach every command that samples for a run."""

import numpy as np
import pytest
from encoded_ensembles.commands import ablate_block
from safetensors.numpy import load_file


def test_precision_and_compilation_reach_every_rule_that_samples(workspace):
    text = "sampling: {precision: bfloat16, compile: true}\nretrain: {units: 1, fresh: 1}\n"
    (workspace.folder / "lower.yaml").write_text(text + "heldout: {models: 2}\n")
    configs = ["--configfile", "toy.yaml", "lower.yaml"]
    done = workspace.snakemake("--dry-run", "--printshellcmds", *configs, config=None)
    assert done.returncode == 0, done.stderr
    sampling = [each for each in done.stdout.split("encens ") if "--scheduler ddpm" in each]
    verbs = {each.split()[0] for each in sampling}
    assert verbs == {
        "sample-ensemble", "ablate-block", "follow-members", "follow-queries", "sample-frechet", "sample-controls",
        "measure-heldout",
    }  # fmt: skip
    assert all("--precision bfloat16 --compiled" in each for each in sampling)


@pytest.mark.parametrize(("precision", "largest"), [("bfloat16", 0.2), ("float16", 0.025)])
def test_a_lower_precision_on_a_finished_run(finished, tmp_path, precision, largest):
    """float16 rounds eight times as finely as bfloat16."""
    results = finished.results()
    folders = [results / f"members/{m:02d}" for m in range(6)]
    options = {"code": results / "code/code.npz", "noise": results / "noise/landscape.safetensors"}
    output = tmp_path / "block.safetensors"
    ablate_block.ablate_block(
        folders, block="1-of-2", output=output, precision=precision, device="cpu", **options
    )
    lower = load_file(output)["counterfactuals"]
    exact = load_file(results / "landscape/1-of-2.safetensors")["counterfactuals"]
    assert 0 < np.abs(lower - exact).max() < largest
