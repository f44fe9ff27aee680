"""What runs again: what is missing or changed, and nothing whose files came out as they were."""

import re
import shutil
import time

import pytest
from encoded_ensembles.runs.layout import outputs

# Files of every kind of rule, and the one rule that brings each back.
DELETED = {
    "splits/03.sha256": "split_members",
    "splits/full.json": "split_members",
    "data/training.npz": "fetch_dataset",
    "data/dataset.json": "fetch_dataset",
    "code/properties.json": "encode_units",
    "code/code.npz": "encode_units",
    "members/02/loss.csv": "train_member",
    "members/03/diffusion_pytorch_model.safetensors": "train_member",
    "landscape/2-of-2.safetensors": "ablate_block",
    "influence/radius.csv": "measure_influence",
    "rivals/cost.json": "score_rivals",
    "expected/choices.json": "expect_influence",
    "grade/areas.csv": "grade_methods",
    "frechet/classifier.json": "train_classifier",
    "figures/code.png": "plot_code",
    "config.yaml": "record_run",
}


def by_rule(files):
    """Return the files in turns in which no rule has to run for two of them."""
    turns = []
    for file, rule in files.items():
        turn = next((turn for turn in turns if rule not in turn.values()), None)
        if turn is None:
            turns.append(turn := {})
        turn[file] = rule
    return turns


def test_a_deleted_file_comes_back_and_nothing_else_runs(rerun):
    """Issue 14.14 and 14.15: tables, PNG, facts and digests come back; what they left as it was stays."""
    before, root = rerun.digests(), rerun.results()
    for turn in by_rule(DELETED):
        for file in turn:
            (root / file).unlink()
        ran = rerun.run(cores=1)
        ran.pop("all", None)
        assert ran == dict.fromkeys(turn.values(), 1), turn
        assert rerun.digests() == before


@pytest.mark.slow
def test_every_file_of_a_run_deleted_alone_comes_back(rerun, read_json):
    """Issue 14.14: each of all outputs, one at a time, comes back with the same bytes, by one job."""
    before, root = rerun.digests(), rerun.results()
    config = read_json(root / "run.json")["config"]
    blocks = {part: config[part]["blocks"] for part in ("landscape", "frechet")}
    for file in outputs(config, classifier=True, **blocks):
        (root / file).unlink()
        started = time.monotonic()
        ran = rerun.run(cores=1)
        ran.pop("all", None)
        print(f"{file}: {ran} in {time.monotonic() - started:.1f} s")
        assert list(ran.values()) == [1], (file, ran)
        assert rerun.digests() == before, file


def test_the_layout_names_every_file_of_a_run(finished, read_json):
    """Issue 14.14: what a run leaves is what rule all asks for."""
    root = finished.results()
    config = read_json(root / "run.json")["config"]
    blocks = {part: config[part]["blocks"] for part in ("landscape", "frechet")}
    kept = ("logs", "benchmarks", "ledger", "checkpoints")
    found = {
        str(file.relative_to(root))
        for file in root.rglob("*")
        if file.is_file() and file.relative_to(root).parts[0] not in kept
    }
    assert found == set(outputs(config, classifier=True, **blocks))


def test_a_dry_run_says_what_is_certain(rerun):
    """Issue 14.15: of a changed number of null code words only the code is certain to be made again."""
    (rerun.folder / "more.yaml").write_text("code: {members: 6, weight: 3, null_words: 7}\n")
    done = rerun.snakemake("--dry-run", "--configfile", "toy.yaml", "more.yaml", config=None)
    (said,) = [line for line in done.stdout.splitlines() if line.startswith("Certain: ")]
    certain, dependent = said.split(" Only if these change")
    assert certain == "Certain: 1 encode_units."
    assert "7 train_member" in dependent
    target = "results/toy/landscape/1-of-2.safetensors"
    ran = rerun.run(target, "--configfile", "toy.yaml", "more.yaml", config=None)
    assert "train_member" not in ran
    assert "ablate_block" in ran


def test_a_dry_run_by_the_slurm_profile(rerun):
    """Issue 16.8: a checkpoint in a group must not fail in a new, finished, touched or damaged run."""

    def jobs():
        done = rerun.snakemake("--dry-run", "--profile", "workflow/profiles/slurm")
        assert done.returncode == 0, done.stderr
        return dict(re.findall(r"^(\w+) +(\d+)$", done.stdout, re.MULTILINE))

    assert jobs() == {}
    (rerun.results() / "splits/01.json").touch()
    assert jobs() == {}  # its content is the same
    (rerun.results() / "figures/code.pdf").unlink()
    assert jobs() == {"plot_code": "1", "all": "1", "total": "2"}
    shutil.rmtree(rerun.folder / "results")
    assert jobs()["train_member"] == "7"


@pytest.mark.slow
def test_an_added_unit_retrains_only_what_saw_it(workspace, read_json):
    """Issue 14.12: members, controls, fresh ones and held-out models depend on their splits' content."""
    own = "retrain: {units: 1, fresh: 1}\nheldout: {models: 2}\n"
    toy = workspace.folder / "toy.yaml"
    toy.write_text(toy.read_text().replace("null_words: 8", "null_words: 7") + own)
    root, target = workspace.results(), ["results/toy/grade/scoreboard.csv"]
    workspace.run(*target)
    toy.write_text(toy.read_text().replace("images: 12", "images: 13"))
    before = {file: file.read_text() for file in root.glob("splits/*.sha256")}
    weights = {file: file.stat().st_mtime_ns for file in root.rglob("diffusion_pytorch*")}
    ran = workspace.run(*target)
    changed = {file.stem for file, text in before.items() if file.read_text() != text}
    assert {"full"} < changed < {file.stem for file in before}
    again = {
        str(file.parent.relative_to(root))
        for file, date in weights.items()
        if file.stat().st_mtime_ns != date
    }
    wanted = {f"members/{name}" for name in changed if name.isdigit() or name == "full"}
    wanted |= {f"retrain/fresh/member/{name}" for name in changed if name.isdigit()}
    wanted |= {f"heldout/{name.split('.')[1]}.0" for name in changed if "heldout" in name}
    for name in changed:
        if name.startswith("control."):
            _, control, seen = name.split(".")
            wanted |= {f"retrain/{arm}/{control}/{seen}" for arm in ("same", "fresh")}
    assert again == wanted
    assert ran["train_member"] == len(again)
    assert sum(name.startswith("members/") for name in again) == 4  # w of n, and the full model
