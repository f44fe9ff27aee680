"""Shift-tolerant LPIPS as a distance, as likeness, and as what false attribution is checked by."""

import pandas as pd
import yaml
from encoded_ensembles.runs.run import Run
from safetensors.numpy import load_file
from workspace import ColdWorkspace

CHANGES = {
    "influence": {"distances": ["stlpips"]},
    "contrast": {"likeness": "stlpips"},
    "rivals": {"perceptual": True},
}


def test_a_run_by_shift_tolerant_lpips(rerun, finished):
    config = yaml.safe_load((rerun.folder / "toy.yaml").read_text())
    (rerun.folder / "toy.yaml").write_text(yaml.safe_dump(config | CHANGES))
    counts = rerun.run("results/toy/run.json", "results/toy/influence/false_attribution.csv")
    assert counts["fetch_perceptual"] == 1
    assert not {"train_member", "sample_ensemble", "ablate_block"} & set(counts)
    results = rerun.results()
    assert "Nothing to be done" in rerun.snakemake("results/toy/run.json").stderr
    influence = pd.read_parquet(results / "influence/influence.parquet")
    assert (influence["stlpips"] > 0).all()
    assert influence["stlpips_p"].between(1 / 9, 1).all()
    assert "ssim" not in influence
    of_first = influence[influence["sample"] == 0].set_index("stlpips_rank")["unit"]
    assert (
        Run(str(results)).attribute(0, top=3, by="stlpips")["unit"].tolist()
        == of_first[[1, 2, 3]].tolist()
    )
    scores = load_file(results / "rivals/scores.safetensors")["stlpips"]
    own = pd.read_parquet(results / "contrast/contrast.parquet")
    weight = own.pivot_table(index="unit", columns="sample", values="weight").to_numpy()
    assert (scores.argmax(axis=0) == weight.argmax(axis=0)).all()
    before = pd.read_parquet(finished.results() / "contrast/contrast.parquet")
    assert not own["weight"].equals(before["weight"])
    assert own["contrast"].equals(before["contrast"])
    checked = pd.read_csv(results / "influence/false_attribution.csv")
    found = checked[checked["metric"] == "stlpips"].sort_values("sample")
    assert found["unit"].tolist() == scores.argmax(axis=0).tolist()
    board = pd.read_csv(results / "grade/scoreboard.csv")
    assert "stlpips" in set(board["method"])
    done = rerun.encens("check-run", results)
    assert done.returncode == 0, done.stdout + done.stderr


def test_without_the_package_nothing_starts(tmp_path):
    workspace = ColdWorkspace(tmp_path)  # which reads sitecustomize
    changes = {"run": "wrong"} | CHANGES
    (workspace.folder / "wrong.yaml").write_text(yaml.safe_dump(changes))
    blocked = workspace.folder / "workflow/sitecustomize.py"
    blocked.write_text(
        "import importlib.util as util\n"
        "find = util.find_spec\n"
        "util.find_spec = lambda name, *more: None if 'stlpips' in name else find(name, *more)\n"
    )
    done = workspace.snakemake("--dry-run", config="wrong.yaml")
    assert done.returncode == 1
    assert (
        done.stderr.strip()
        .splitlines()[-1]
        .startswith("Error: the configuration names stlpips, which needs the Python package")
    )
