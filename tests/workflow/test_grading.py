"""Grading on the toy run: every truth there is, and foreign scores; the commands themselves."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml
from encoded_ensembles.commands.check_attribution import check_attribution
from encoded_ensembles.commands.check_null import check_null
from encoded_ensembles.commands.choose_controls import choose_controls
from encoded_ensembles.commands.expect_influence import expect_influence
from encoded_ensembles.commands.follow_members import follow_members
from encoded_ensembles.commands.grade_methods import grade_methods
from encoded_ensembles.commands.measure_heldout import measure_heldout
from encoded_ensembles.commands.plot_gains import plot_gains
from encoded_ensembles.commands.plot_scoreboard import plot_scoreboard
from encoded_ensembles.commands.plot_truth import plot_truth
from encoded_ensembles.commands.project_gradients import project_gradients
from encoded_ensembles.commands.sample_controls import sample_controls
from encoded_ensembles.commands.score_methods import score_methods
from encoded_ensembles.commands.score_rivals import score_rivals
from encoded_ensembles.commands.split_controls import split_controls
from encoded_ensembles.commands.split_heldout import split_heldout
from encoded_ensembles.commands.split_members import split_members
from encoded_ensembles.commands.train_member import train_member
from encoded_ensembles.data.own_scores import OWN, read_foreign
from encoded_ensembles.grading import scoreboard
from encoded_ensembles.influence import expected
from encoded_ensembles.storage.files import InputError, read_arrays
from safetensors.numpy import load_file

TRAINING = {
    "widths": "8", "layers_per_block": 1, "epochs": 6, "steps_per_epoch": 2, "learning_rate": 2e-3,
    "ema": 0.995,
}  # fmt: skip


class Toy:
    """Where the toy run's files are, and a folder for more."""

    def __init__(self, run, out):
        self.run, self.out = run, out
        self.members = [run / "members" / f"{m:02d}" for m in range(6)]
        self.code = run / "code/code.npz"
        self.data = run / "data/training.npz"
        self.samples = run / "samples/ensemble.safetensors"
        self.noise = run / "noise/landscape.safetensors"
        self.drawn = {"noise": self.noise, "code": self.code}


@pytest.fixture(scope="module")
def toy(finished, tmp_path_factory):
    return Toy(finished.results(), tmp_path_factory.mktemp("grading"))


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def train(toy, split, output, *, seed=0):
    """Train on a split."""
    train_member(toy.data, toy.out / f"splits/{split}.json", output, seed=seed, **TRAINING)


@pytest.fixture(scope="module")
def controls(toy):
    """Three units to retrain without, and the samples of the ensembles that never saw them."""
    at = toy.out / "retrain"
    choose_controls(toy.code, toy.data, toy.samples, 3, at / "controls.parquet")
    table = at / "controls.parquet"
    split_controls(toy.data, toy.code, table, toy.out / "splits")
    split_members(toy.data, toy.code, toy.out / "splits")
    for control in range(3):
        for seen in range(3):
            train(toy, f"control.{control}.{seen}", at / "same" / f"{control}" / f"{seen}")
    for seen in range(3):
        train(toy, f"control.0.{seen}", at / "fresh/0" / f"{seen}", seed=1)
    for member in range(6):
        train(toy, f"{member:02d}", at / "fresh/member" / f"{member:02d}", seed=1)
    sample_controls(
        toy.members, **toy.drawn, controls=at / "controls.parquet", retrained=at / "same",
        output=at / "samples.safetensors", fresh=at / "fresh", fresh_units=1,
    )  # fmt: skip
    return at


def test_a_member_retrained_with_everything_is_the_same_member(toy):
    """So that what a retrained one does differently is the unit's doing."""
    output = toy.out / "again"
    split_members(toy.data, toy.code, toy.out / "splits")
    train(toy, "02", output)
    for name in ("config.json", "diffusion_pytorch_model.safetensors", "loss.csv"):
        assert (output / name).read_bytes() == (toy.members[2] / name).read_bytes()


def test_a_unit_that_is_not_there_cannot_be_retrained_without(toy, tmp_path):
    known = read_arrays(toy.code)["unit_names"].tolist()
    for units, named, said in (
        (3, [f"{known[0]}0"], rf"named has {known[0]}0, expected .* did you mean {known[0]}"),
        (len(known), known[:1], rf"units is {len(known)}, .* \({len(known) - 1} beside those in"),
    ):
        with pytest.raises(InputError, match=said):
            choose_controls(toy.code, toy.data, toy.samples, units, tmp_path / "x.parquet", named)
    assert not list(tmp_path.iterdir())


def test_retrained_members_never_saw_the_unit_and_the_others_stay(toy, controls):
    code = np.load(toy.code)
    table = pd.read_parquet(controls / "controls.parquet")
    drawn = load_file(controls / "samples.safetensors")
    assert drawn["units"].tolist() == table["unit"].tolist()
    assert table["chosen"].tolist() == ["random", "random", "near"]
    factual = load_file(toy.samples)["factual"]
    for control, unit in enumerate(table["unit"]):
        for seen, member in enumerate(np.flatnonzero(code["code"][unit])):
            facts = json.loads(
                (controls / "same" / f"{control}" / f"{seen}" / "training.json").read_text()
            )
            whole = json.loads((toy.members[member] / "training.json").read_text())
            assert facts["images"] == whole["images"] - 1
            assert facts["member"] == f"{member:02d}"
            assert facts["recipe"] == whole["recipe"]
        moved = np.abs(drawn["same"][control] - factual).max()
        assert 0 < moved < 0.5 * np.abs(drawn["fresh"][0] - factual).max()
    assert drawn["fresh"].shape == drawn["seed"].shape == (1, *factual.shape)


@pytest.fixture(scope="module")
def board(toy, controls, monkeypatch_module):
    """Every method beside every truth but planted units."""
    monkeypatch_module.setattr(scoreboard, "DRAWS", 50)
    at = toy.out / "grade"
    models = [toy.out / "heldout" / f"{m}.0" for m in range(4)]
    split_heldout(toy.data, toy.code, 4, 0.5, 2, toy.out / "splits")
    for number, output in enumerate(models):
        train(toy, f"heldout.{number}", output, seed=1)
    measure_heldout(
        toy.out / "heldout", **toy.drawn, samples=toy.samples, output=at / "measured.safetensors",
        halves=4, repeats=1, share=0.5, half_seed=2,
    )  # fmt: skip
    follow_members(
        toy.members, **toy.drawn, data=toy.data, heldout=toy.run / "data/heldout.npz",
        samples=toy.samples, output=at / "pulls.safetensors", decoys=at / "decoys.safetensors",
        arithmetic=at / "arithmetic.json",
        journey=2,
    )  # fmt: skip
    networks = [*toy.members, toy.run / "members/full"]
    for network in networks:
        project_gradients(
            network, toy.data, toy.samples, at / f"{network.name}.safetensors", levels=2,
            projection=32, pulls=at / "pulls.safetensors",
        )  # fmt: skip
    gradients = [at / f"{network.name}.safetensors" for network in networks]
    score_rivals(
        code=toy.code, data=toy.data, heldout=toy.run / "data/heldout.npz", samples=toy.samples,
        damping=[0.1, 1.0], output=at / "rivals.safetensors", cost=at / "cost.json",
        members=gradients[:-1], full=gradients[-1], journey=2,
    )  # fmt: skip
    pulls = toy.run / "contrast/pulls.safetensors"
    expect_influence(
        pulls, toy.code, toy.data, toy.samples, at / "rivals.safetensors", at / "expected.parquet",
        at / "calibration.parquet", at / "scores.safetensors", at / "choices.json",
    )  # fmt: skip
    foreign = [f"mine={at / 'mine.npy'}"]
    np.save(at / "mine.npy", np.random.default_rng(0).normal(size=(12, 3)))
    grade_methods(
        at / "scores.safetensors", pulls, toy.code, at / "gains.parquet",
        at / "areas.parquet", at / "draws.safetensors", foreign=foreign, bootstrap=20,
    )  # fmt: skip
    score_methods(
        at / "scores.safetensors", at / "areas.parquet", at / "draws.safetensors", toy.code, toy.samples, toy.run / "data/heldout.npz",
        at / "cost.json", at / "board.parquet", at / "truth.parquet", at / "agreement.parquet",
        at / "differences.parquet", at / "rivals.safetensors",
        retrained=controls / "samples.safetensors", controls=controls / "controls.parquet",
        models=at / "measured.safetensors", foreign=foreign,
        influence=toy.run / "influence/influence.parquet",
    )  # fmt: skip
    return at


def test_no_method_of_the_run_can_be_replaced_by_scores_of_its_name(board):
    """Issue 14.3: every name in the run's own files is refused, and others are not."""
    own = {name.partition("/")[0] for name in load_file(board / "scores.safetensors")}
    own |= {*load_file(board / "rivals.safetensors"), "pixels-30"}
    assert {name for name in own if not OWN.fullmatch(name)} == set()
    assert not any(map(OWN.fullmatch, ("mine", "my-pixels", "trakker", "lpips", "Contrast")))
    with pytest.raises(InputError, match=r"grade\.scores holds pixels, which is the name"):
        read_foreign([f"pixels={board / 'mine.npy'}"], names=np.arange(12), samples=3)


def test_every_method_has_every_grade(board):
    rows = pd.read_parquet(board / "board.parquet")
    table = rows.set_index(["method", "grade"])["value"].unstack()  # noqa: PD010
    kernels = ("trak", "d-trak", "journey-trak", "retrac")
    gradient = [f"{a}.{b}" for a in kernels for b in ("full", "one", "mean")]
    kinds = ("isotonic", "linear", "boosted", "likeness")
    learnt = ["calibrated", *(f"calibrated.{kind}" for kind in kinds)]
    ablation = ["distance", "ssim", "features", "matched", "directional"]
    everywhere = {"random", "pixels", "features", "patches", "contrast", "mine", *gradient, *learnt}
    known = table[["within_samples", "within_units", "lds_loss", "lds_features"]].dropna()
    assert set(known.index) >= everywhere - set(learnt)  # toy models may be flat
    assert {f"ablation {name}" for name in ablation} <= set(table.index)
    assert set(table["gain"].dropna().index) == {*everywhere, "best possible"}
    assert (table.loc["trak.mean", "evaluations"], table.loc["pixels", "evaluations"]) == (
        3 * 6 * 2 * 15, 0,
    )  # fmt: skip
    assert set(pd.read_parquet(board / "agreement.parquet")["second"]) >= {
        "lds_loss",
        "within_units",
    }


def test_a_journey_is_kept_beside_the_pulls_and_ends_at_the_samples(toy, board):
    pulls, before = (
        load_file(path)
        for path in (board / "pulls.safetensors", toy.run / "contrast/pulls.safetensors")
    )
    journey = pulls.pop("journey")
    factual = load_file(toy.samples)["factual"]
    assert journey.shape == (2, *factual.shape)
    at = pulls.pop("journey_levels").tolist()
    assert at == [max(at), 0]
    # The last step returns the estimate; each member's is clipped before the mean is taken.
    assert np.allclose(journey[-1], factual, atol=0.01)
    assert set(pulls) == set(before)
    assert all(np.array_equal(each, before[name]) for name, each in pulls.items())


def test_paired_differences_are_those_of_the_grades(board):
    rows = pd.read_parquet(board / "differences.parquet")
    board_rows = pd.read_parquet(board / "board.parquet")
    value = board_rows.set_index(["method", "grade"])["value"]
    assert {"gain", "within_samples", "lds_loss"} <= set(rows["grade"])
    for row in rows.itertuples():
        difference = value[row.method, row.grade] - value[row.other, row.grade]
        assert row.difference == pytest.approx(difference)
    assert (rows["difference"] >= 0).all()
    assert ((rows["low"] <= rows["high"]) | rows["low"].isna()).all()


def test_what_calibration_learns_without_rivals_is_what_a_run_without_them_learns(toy, board):
    at = board.parent / "alone"
    at.mkdir()
    score_rivals(
        code=toy.code, data=toy.data, heldout=toy.run / "data/heldout.npz", samples=toy.samples,
        damping=[0.1], output=at / "rivals.safetensors", cost=at / "cost.json",
    )  # fmt: skip
    expect_influence(
        toy.run / "contrast/pulls.safetensors", toy.code, toy.data, toy.samples,
        at / "rivals.safetensors", at / "expected.parquet", at / "calibration.parquet",
        at / "scores.safetensors", at / "choices.json",
    )  # fmt: skip
    alone, both = (load_file(each / "scores.safetensors") for each in (at, board))
    assert "calibrated.likeness" not in alone
    for part in ("", "/0", "/1"):
        assert np.array_equal(alone[f"calibrated{part}"], both[f"calibrated.likeness{part}"])


def test_truth_is_how_far_the_samples_moved(toy, board, controls):
    table = pd.read_parquet(board / "truth.parquet")
    drawn, factual = load_file(controls / "samples.safetensors"), load_file(toy.samples)["factual"]
    for row in table.itertuples():
        control = drawn["units"].tolist().index(row.unit)
        distance = np.linalg.norm(drawn["same"][control, row.sample] - factual[row.sample])
        assert row.same == pytest.approx(distance, rel=1e-5)
    assert table["fresh"].notna().sum() == table["seed"].notna().sum() == 3


def test_scores_for_grading_were_made_without_the_members_that_grade(toy, board):
    """Change the pulls of one fold's members: what that fold grades stays the same to the byte."""
    before = load_file(board / "scores.safetensors")
    folds = before["member_folds"]
    pulls = load_file(toy.run / "contrast/pulls.safetensors")
    assert sorted(folds.tolist()) == [0] * 3 + [1] * 3
    code = np.load(toy.code)["code"]
    altered = pulls["pulls"].copy()
    altered[..., folds == 0] += 5
    for given in (pulls["pulls"], altered):
        contrast, _ = expected.of_members(given, code, folds == 1)
        assert np.allclose(np.nan_to_num(contrast), before["contrast/0"], atol=1e-6)


def test_figures_and_studies_are_drawn(toy, board):
    plot_gains(
        board / "gains.parquet", board / "areas.parquet", board / "calibration.parquet",
        board / "gains.pdf",
    )  # fmt: skip
    plot_scoreboard(board / "board.parquet", board / "scoreboard.pdf")
    plot_truth(
        board / "truth.parquet", toy.run / "influence/influence.parquet", board / "truth.pdf"
    )
    for name in ("gains", "scoreboard", "truth"):
        assert (board / f"{name}.png").stat().st_size > 10_000
    check_null(
        toy.run / "contrast/pulls.safetensors", toy.code, toy.data, toy.samples,
        toy.run / "influence/null.parquet", board / "null.parquet",
    )  # fmt: skip
    table = pd.read_parquet(board / "null.parquet").set_index("statistic")
    wanted = {"distance", "ssim", "features", "matched", "directional", "sets"}
    assert set(table.index) == wanted
    check_attribution(
        sorted((toy.run / "landscape").glob("*.safetensors")), toy.code, toy.data,
        toy.run / "data/heldout.npz", toy.samples, board / "false.parquet",
        classifier=toy.run / "frechet/classifier.safetensors",
    )  # fmt: skip
    table = pd.read_parquet(board / "false.parquet")
    assert table["unchanged_other"].between(0, 1).all()
    assert len(table) == 2 * 3


def test_foreign_scores_in_tables_and_arrays_are_the_same(tmp_path):
    names, scores = np.array(["a", "b"]), np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    np.save(tmp_path / "x.npy", scores)
    rows = [(b, names[u], scores[u, b]) for b in (2, 0, 1) for u in (1, 0)]
    table = pd.DataFrame(rows, columns=["sample", "unit_name", "score"])
    table.to_csv(tmp_path / "x.csv")
    table.to_parquet(tmp_path / "X.PARQUET")  # issue 14.20: endings in capitals
    (tmp_path / "X.NPY").write_bytes((tmp_path / "x.npy").read_bytes())
    for file in ("x.npy", "x.csv", "X.NPY", "X.PARQUET"):
        found = read_foreign([f"x={tmp_path / file}"], names=names, samples=3)
        assert (found["x"] == scores).all()


def test_foreign_scores_that_do_not_fit_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((2, 4)))
    pd.DataFrame({"sample": [0], "score": [1.0]}).to_csv(tmp_path / "x.csv", index=False)
    names = np.array(["a", "b"])
    for file, said in (
        ("x.npy", "expected a finite score for each of 2 units and 3 samples"),
        ("x.csv", "has the columns sample, score, expected sample, unit_name and score"),
        ("y.npy", "expected an existing file"),
    ):
        with pytest.raises(InputError, match=said):
            read_foreign([f"x={tmp_path / file}"], names=names, samples=3)


@pytest.mark.slow
def test_the_whole_of_grading_runs_as_a_workflow(rerun):
    """One job per training, nothing made again, and nothing left to do."""
    config = yaml.safe_load((rerun.folder / "toy.yaml").read_text())
    wanted = pd.read_csv(rerun.results("toy") / "code/units.csv")["unit_name"][4]
    config |= {
        "retrain": {"units": 1, "named": [wanted], "fresh": 1},
        "heldout": {"models": 2, "repeats": 2},
        "rivals": {"gradients": True, "levels": 2, "projection": 32},
    }
    (rerun.folder / "all.yaml").write_text(yaml.safe_dump(config))
    counts = rerun.run(config="all.yaml")
    assert counts == {
        "choose_controls": 1, "split_controls": 1, "split_heldout": 1, "train_member": 9 + 6 + 4, "sample_controls": 1,
        "measure_heldout": 1, "project_gradients": 7, "score_rivals": 1,
        "expect_influence": 1, "grade_methods": 1, "score_methods": 1, "plot_gains": 1,
        "plot_scoreboard": 1, "plot_truth": 1, "record_run": 1, "all": 1,
    }  # fmt: skip
    controls = pd.read_csv(rerun.results("toy") / "retrain/controls.csv")
    assert controls["unit_name"][1] == wanted
    assert "Nothing to be done" in rerun.snakemake(config="all.yaml").stderr
    rerun.run("results/toy/grade/null_check.csv", config="all.yaml")
    rerun.run("results/toy/influence/false_attribution.csv", config="all.yaml")
