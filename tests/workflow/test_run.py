"""The workflow end to end on a toy run: what runs, what runs again, and the same bytes each time."""

import json
import os
import random
import re
import signal
import subprocess
import time
from itertools import product

import numpy as np
import pandas as pd
import pytest
import yaml
from diffusers import UNet2DModel
from encoded_ensembles.data.images import read_images
from encoded_ensembles.runs.run import Run
from encoded_ensembles.storage.files import InputError
from PIL import Image
from safetensors.numpy import load_file
from scipy.stats import false_discovery_control
from workspace import executed

JOBS = {
    "fetch_dataset": 1, "encode_units": 1, "check_names": 1, "split_members": 1, "train_member": 7, "draw_noise": 2,
    "sample_ensemble": 1, "ablate_block": 2, "measure_influence": 1, "sample_frechet": 2,
    "train_classifier": 1, "score_frechet": 1, "plot_code": 1, "plot_samples": 1,
    "plot_influence": 1, "plot_landscape": 1, "plot_aliasing": 1, "plot_attribution": 1,
    "plot_evidence": 1, "follow_members": 1, "measure_contrast": 1,
    "score_rivals": 1, "expect_influence": 1, "grade_methods": 1, "score_methods": 1, "plot_gains": 1,
    "plot_scoreboard": 1, "plot_kept": 1, "plot_loss": 1, "make_gallery": 1,
    "choose_queries": 1, "follow_queries": 1, "measure_queries": 1, "record_run": 1,
    "all": 1,
}  # fmt: skip


def test_every_step_runs_once(finished):
    assert finished.jobs == JOBS


def test_dry_run_of_the_default_configuration_counts_its_jobs(workspace):
    done = workspace.snakemake("--dry-run", config=None)
    assert done.returncode == 0
    table = done.stdout.split("Job stats:")[1].split("total")[0].splitlines()[3:]
    counts = {line.split()[0]: int(line.split()[1]) for line in table if line.strip()}
    assert counts == JOBS | {"train_member": 15}


def test_dry_run_of_a_screened_landscape(workspace):
    text = "landscape: {mode: screened, blocks: 2}\ncode: {null_words: 20}\n"
    (workspace.folder / "screened.yaml").write_text(text)
    done = workspace.snakemake("--dry-run", "--configfile", "screened.yaml", config=None)
    assert done.returncode == 0, done.stderr
    assert {"screen_block", "measure_screened"} <= rules(done.stdout)
    assert not {"ablate_block", "measure_influence"} & rules(done.stdout)


PLANTED = """
dataset:
  plant:
    - {name: corner, kind: mark, images: 4}
    - {name: cross, kind: shape, images: 3, together: false}
"""


def test_plants_reach_units_code_and_jobs(workspace, read_json):
    (workspace.folder / "planted.yaml").write_text(PLANTED)
    configs = ["--configfile", "toy.yaml", "planted.yaml"]
    done = workspace.snakemake("--dry-run", *configs, config=None)
    assert done.returncode == 0
    assert rules(done.stdout) >= {"find_planted", "record_run"}
    workspace.run("results/toy/code/code.npz", *configs, config=None)
    corner, cross = read_json(workspace.results() / "data/dataset.json")["plants"]
    assert (len(corner["images"]), len(cross["images"])) == (4, 3)
    assert all(name.startswith("plant-corner/digits/") for name in corner["images"])
    units = pd.read_csv(workspace.results() / "code/units.csv").set_index("unit_name")["images"]
    assert len(units) == 12 - 3
    assert units["plant-corner"] == 4
    assert (units[cross["images"]] == 1).all()
    words = np.load(workspace.results() / "code/code.npz")
    # Without the plant's unit: no other image is altered, every other unit keeps its word.
    again = PLANTED + "units: {exclude: [plant-corner]}\n"
    (workspace.folder / "planted.yaml").write_text(again)
    workspace.run("results/toy/code/code.npz", *configs, config=None)
    assert read_json(workspace.results() / "data/dataset.json")["plants"] == [
        corner | {"images": []}, cross
    ]  # fmt: skip
    fewer = np.load(workspace.results() / "code/code.npz")
    stay = words["unit_names"] != "plant-corner"
    assert (fewer["unit_names"] == words["unit_names"][stay]).all()
    assert (fewer["code"] == words["code"][stay]).all()


def test_a_second_run_has_nothing_to_do(rerun):
    done = rerun.snakemake()
    assert "Nothing to be done" in done.stderr
    assert executed(done.stderr) == {}


def test_blocks_change_no_byte(finished, rerun):
    tables = ("influence/influence.parquet", "influence/null.csv", "frechet/scores.parquet")
    targets = [f"results/toy/{table}" for table in tables]
    counts = rerun.run(*targets, "--set-scatter", "landscape=5", "frechet=1")
    assert counts["ablate_block"] == 5
    assert counts["sample_frechet"] == 1
    assert "train_member" not in counts
    for table in tables:
        ours, theirs = (each.results() / table for each in (rerun, finished))
        assert ours.read_bytes() == theirs.read_bytes()


def test_members_load_with_diffusers_and_never_saw_what_their_code_says(finished):
    code = np.load(finished.results() / "code/code.npz")
    held = np.load(finished.results() / "data/heldout.npz")["names"]
    names = np.load(finished.results() / "data/training.npz")["names"]
    assert not set(held) & set(names)
    for m in range(6):
        UNet2DModel.from_pretrained(finished.results() / f"members/{m:02d}")
        manifest = json.loads((finished.results() / f"splits/{m:02d}.json").read_text())
        assert manifest["count"] == code["code"][:, m].sum()


def test_influence_table_agrees_with_the_landscape(finished):
    table = pd.read_parquet(finished.results() / "influence/influence.parquet")
    assert len(table) == 3 * 12
    factual = load_file(finished.results() / "samples/ensemble.safetensors")["factual"]
    for block in ("1-of-2", "2-of-2"):
        part = load_file(finished.results() / f"landscape/{block}.safetensors")
        for unit, pictures in zip(part["units"], part["counterfactuals"], strict=True):
            rows = table[table["unit"] == unit].sort_values("sample")
            loop = [
                np.linalg.norm(p.astype(float) - s) for p, s in zip(pictures, factual, strict=True)
            ]
            assert np.allclose(rows["distance"], loop)
    assert set(table["distance_rank"]) == set(range(1, 13))
    radius = pd.read_parquet(finished.results() / "influence/radius.parquet")
    assert np.allclose(radius["radius"], table.groupby("sample")["distance"].max())


def test_influence_table_has_every_statistic_of_every_pair(finished):
    table = pd.read_parquet(finished.results() / "influence/influence.parquet")
    names = ["distance", "ssim", "features", "matched", "directional"]
    each = [f"{name}{suffix}" for name in names for suffix in ("", "_z", "_p", "_q", "_rank")]
    followed = [
        f"{name}{suffix}"
        for name in ("joint", "contrast", "undirected")
        for suffix in ("", "_z", "_p", "_q", "_q_plain", "_rank")
    ]
    pair = ["sample", "unit", "unit_name"]
    last = ["weight", "distance_published", "exact", "attributed"]
    assert sorted(table.columns) == sorted([*pair, *each, *followed, *last])
    assert table.notna().all().all()
    for name in names:
        assert table[f"{name}_p"].between(1 / 9, 1).all()
        for _, own in table.groupby("sample"):
            assert own.sort_values(f"{name}_rank")[f"{name}_z"].is_monotonic_decreasing
            assert np.allclose(own[f"{name}_q"], false_discovery_control(own[f"{name}_p"]))
    contrast = pd.read_parquet(finished.results() / "contrast/contrast.parquet")
    assert table[followed].equals(contrast[followed])
    assert table["attributed"].equals(contrast["attributed"])
    null = pd.read_parquet(finished.results() / "influence/null.parquet")
    assert null.columns.tolist() == ["sample", "word", "distance", "ssim", "features", "matched"]
    own = null[null["sample"] == 1]["matched"].to_numpy()
    first = table[(table["sample"] == 1) & (table["unit"] == 0)].iloc[0]
    assert first["matched_p"] == (1 + (own >= first["matched"]).sum()) / 9
    assert np.isclose(first["matched_z"], (first["matched"] - own.mean()) / own.std())


def test_scores_cover_every_kind_of_set(finished):
    table = pd.read_csv(finished.results() / "frechet/scores.csv")
    assert set(table["set"]) == {"real", "full", "member", "ablated", "factual", "subset"}
    assert set(table["extractor"]) == {"classifier"}
    for name in ("frechet", "frechet_error", "kid_1000", "kid_1000_error"):
        assert np.isfinite(table[name]).all()
    assert table["singular"].all()  # 20 images against 16, on 64 features
    assert "20 against 16" in (finished.results() / "logs/score_frechet.log").read_text()
    images = np.load(finished.results() / "frechet/pictures.npz")["images"]
    assert images.shape == (len(table), 12, 8, 8, 1)


def test_record_names_what_made_the_run(finished, read_json):
    record = read_json(finished.results() / "run.json")
    assert record["config"]["code"]["weight"] == 3
    assert record["seeds"]["sampling"] == 1
    assert yaml.safe_load((finished.results() / "config.yaml").read_text()) == record["config"]
    assert record["versions"]["torch"]
    assert len(record["devices"]) == 7
    digests = finished.digests()
    for path, digest in record["sha256"].items():
        assert digests[path.removeprefix("results/toy/")] == digest


def append(path, text="\nCHANGED = True\n"):
    path.write_text(path.read_text() + text)


def test_a_changed_figure_only_plots_again(rerun):
    append(rerun.folder / "workflow/encoded_ensembles/figures/style.py")
    done = rerun.snakemake("--dry-run")
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", done.stdout, re.MULTILINE))
    del jobs["total"]
    assert jobs == {name: "1" for name in JOBS if name.startswith("plot_")} | {"all": "1"}


def test_changed_training_code_trains_again(rerun):
    append(rerun.folder / "workflow/encoded_ensembles/members/training.py")
    done = rerun.snakemake("--dry-run")
    assert {"train_member"} <= set(rules(done.stdout))
    assert not {"fetch_dataset", "encode_units", "split_members", "plot_code"} & set(
        rules(done.stdout)
    )


def test_comments_docstrings_and_help_texts_change_nothing(rerun):
    """Code is compared by its meaning: a constant trains again, a docstring does not."""
    package = rerun.folder / "workflow/encoded_ensembles"
    for file in package.rglob("*.py"):
        append(file, "\n# changed\n")
    training = package / "members/training.py"
    training.write_text(training.read_text().replace('"""', '"""Said otherwise. ', 1))
    options = package / "commands/options/training.py"
    options.write_text(options.read_text().replace('help="', 'help="said otherwise: '))
    assert "Nothing to be done" in rerun.snakemake().stderr
    names = package / "members/names.py"
    names.write_text(names.read_text().replace("LEVELS = 1000", "LEVELS = 999"))
    assert "train_member" in rules(rerun.snakemake("--dry-run").stdout)


def rules(text):
    return {
        line.split()[1].rstrip(":")
        for line in text.splitlines()
        if line.startswith(("rule ", "checkpoint "))
    }


def test_members_whose_split_stays_are_not_trained_again(rerun):
    """Encoded and split again, with equal results: nothing below them runs."""
    append(rerun.folder / "workflow/encoded_ensembles/commands/encode_units.py")
    assert rerun.run("--until", "train_member") == {"encode_units": 1}
    append(rerun.folder / "workflow/encoded_ensembles/commands/split_members.py")
    counts = rerun.run("--until", "train_member")
    assert counts["split_members"] == 1
    assert "train_member" not in counts


def test_killed_and_on_one_core_it_ends_with_the_same_bytes(finished, workspace):
    """Two runs from scratch, one on two cores, one killed on the way and finished on one."""
    kill_and_finish(finished, workspace, 9, "results/toy/run.json", cores=1)


@pytest.mark.slow
@pytest.mark.parametrize("trial", range(5))
def test_killed_at_random_moments_it_ends_with_the_same_bytes(finished, workspace, trial):
    kill_and_finish(finished, workspace, random.Random(trial).uniform(2, 40))


def kill_and_finish(finished, workspace, seconds, *targets, cores=2):
    """Kill -9 Snakemake and every job of it after some seconds, then unlock and run to the end.

    With targets, figures are left out.
    """
    process = subprocess.Popen(
        workspace.command("--configfile", "toy.yaml"), cwd=workspace.folder, env=workspace.environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (workspace.results() / "run.json").exists()
    workspace.snakemake("--unlock")
    workspace.run(*targets, cores=cores)
    found, wanted = workspace.digests(), finished.digests()
    if targets:  # which figures were there before the kill is a matter of speed
        found, wanted = (
            {
                name: each
                for name, each in digests.items()
                if not name.startswith(("figures/", "gallery.html"))
            }
            for digests in (found, wanted)
        )
    assert found == wanted


def test_a_killed_training_job_goes_on_from_its_checkpoint(finished, tmp_path):
    """Kill -9 a training job between steps; the next one goes on and ends with the same bytes."""
    results = finished.results()
    arguments = [
        "encens", "train-member", "--data", results / "data/training.npz",
        "--manifest", results / "splits/01.json", "--widths", "8", "--layers-per-block", "1",
        "--epochs", "60", "--steps-per-epoch", "2", "--learning-rate", "0.002", "--ema", "0.9",
        "--checkpoint-seconds", "0",
    ]  # fmt: skip

    def start(name):
        more = ["--checkpoint", tmp_path / f"{name}.safetensors", "--output", tmp_path / name]
        return subprocess.Popen(
            [*map(str, arguments), *map(str, more)],
            env=finished.environment,
            stderr=subprocess.PIPE,
            text=True,
        )

    undisturbed = start("a")
    killed = start("b")
    checkpoint = tmp_path / "b.safetensors"
    while not checkpoint.exists():
        assert killed.poll() is None, killed.stderr.read()
        time.sleep(0.02)
    time.sleep(0.3)
    killed.kill()
    killed.wait()
    assert not (tmp_path / "b/config.json").exists()
    again = start("b")
    assert "resuming from step" in again.communicate()[1]
    undisturbed.communicate()
    for file in ("diffusion_pytorch_model.safetensors", "loss.csv", "training.json", "config.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    assert not checkpoint.exists()


def test_a_unit_over_all_samples_is_tested_against_all_free_words(finished):
    """As a loop over words and samples would: p of the weighted mean score, and the samples counted."""
    run = finished.results()
    code = np.load(run / "code/code.npz")["code"]
    seen = load_file(run / "contrast/pulls.safetensors")
    table = pd.read_csv(run / "contrast/units.csv")
    pairs = pd.read_csv(run / "contrast/contrast.csv")
    assert table["samples"].tolist() == pairs.groupby("unit")["attributed"].sum().tolist()
    taken = {tuple(word) for word in code.tolist()}
    words = [word for word in product([False, True], repeat=6) if sum(word) == 3]
    free = np.array([word for word in words if word not in taken])

    def mean_score(unit, word):
        centred, total, weights = word - 0.5, 0.0, 0.0
        for sample, order in enumerate(seen["order"]):
            place = order.tolist().index(unit)
            pull, precision = (
                seen[f"joint_{part}"][sample, place] for part in ("pull", "precision")
            )
            score = centred @ pull / np.sqrt(centred @ precision @ centred)
            total, weights = total + score / (1 + place), weights + 1 / (1 + place)
        return total / weights

    for unit, row in table.iterrows():
        assert row["score"] == pytest.approx(mean_score(unit, code[unit]), rel=1e-4)
        above = np.sum([mean_score(unit, word) >= row["score"] - 1e-9 for word in free])
        assert row["p_value"] == pytest.approx((1 + above) / (1 + len(free)))


def test_pictures_are_attributed_alone_as_in_the_run(finished, tmp_path):
    """A training image as a file: the same numbers as among the run's own given pictures."""
    run = Run(finished.results())
    queries = read_images(run.folder / "queries/pictures.npz")
    Image.fromarray(queries.images[2, :, :, 0]).save(tmp_path / "given.png")
    found = run.attribute(image=tmp_path / "given.png", top=None).sort_values("unit")
    own = pd.read_parquet(run.folder / "queries/pairs.parquet").query("sample == 2")
    for column, name in (("value", "joint"), ("p", "joint_p"), ("effect", "effect")):
        assert found[column].to_numpy() == pytest.approx(own[name].to_numpy(), rel=1e-3), name
    assert found["heldout_share"].tolist() == own["heldout_share"].tolist()
    with pytest.raises(InputError, match="pass either the number of a sample or image=FILE"):
        run.attribute(1, image=tmp_path / "given.png")
    done = finished.encens("attribute", "--run", "toy", "--image", str(tmp_path / "given.png"))
    assert done.returncode == 0, done.stderr
    assert "given.png: " in done.stdout
    done = finished.encens("attribute", "--run", "toy", "--image", "config.yaml")
    assert done.returncode == 1
    assert "cannot be read as a picture" in done.stderr


def test_every_answer_is_that_of_the_tables(finished):
    run = Run(finished.results())
    pairs = pd.read_csv(run.folder / "contrast/contrast.csv")
    for sample in range(3):
        answer = run.answer(sample)
        named = pairs[(pairs["sample"] == sample) & pairs["attributed"]]["unit_name"]
        assert answer["answer"] in ("units", "group", "nothing")
        if answer["answer"] == "units":
            assert set(answer["names"].split("; ")) == set(named)
        else:
            assert named.empty
