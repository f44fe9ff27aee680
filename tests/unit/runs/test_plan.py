"""A plan counts what a run does; times follow from rates."""

from dataclasses import replace

import pytest
import yaml
from encoded_ensembles.commands import plan as command
from encoded_ensembles.config.check import check_config
from encoded_ensembles.runs import peaks, plan
from encoded_ensembles.runs.rates import Rates
from encoded_ensembles.storage.files import InputError
from workspace import REPOSITORY

RATES = Rates(
    call=2.0, row=0.5, step=3.0, image=0.25, start=5.0, start_figure=2.0, start_light=1.0, flops=1e6
)
SIZE = plan.Size(images=120, units=120, shape=(1, 8, 8), seen=(1, 8, 8), weights=1000)


def configured(schema, **parts):
    return check_config(parts, schema)


def test_work_by_hand(schema):
    """14 members of which 7 stay, 16 samples, 25 steps, 120 units, 100 null words."""
    work = plan.plan(configured(schema), SIZE)
    rows = 120 * 7 * 16  # in all members at each step: 960 in each, two batches
    assert work["ablate_block"].rows == 25 * rows
    assert work["ablate_block"].calls == 25 * 14 * 2
    assert work["ablate_block"].bytes == 120 * 16 * 64 * 4
    assert work["sample_ensemble"].rows == pytest.approx(25 * 16 * (14 + 14 + 700 + 1))
    assert work["draw_noise"].bytes == 26 * (16 + 512) * 64 * 4
    assert work["train_member"].steps == ((14 * 400, 60.0), (400, 120.0), (0, 60.0))
    assert work["train_member"].bytes == work["take_member"].bytes == 15 * 4 * 1000


def test_seconds_and_operations_by_hand():
    both = plan.Work(calls=3, rows=10) + plan.Work(steps=((2, 8.0),))
    assert both.seconds(RATES) == 3 * 2 + 10 * 0.5 + 2 * (3 + 8 * 0.25)
    assert both.flops(RATES) == (10 + 3 * 16) * 1e6
    assert both.flops(replace(RATES, passes=2)) == (10 + 2 * 16) * 1e6


def test_jobs_start_by_what_they_import():
    rules = ("train_member", "plot_code", "encode_units")
    assert [plan.start(rule, RATES) for rule in rules] == [5, 2, 1]


def test_short_batches_count_as_filled_up(schema):
    config = configured(schema, sampling={"samples": 1}, figures={"samples": [0]})
    follow = plan.plan(config, SIZE)["follow_members"]
    assert (follow.calls, follow.rows) == (25 * 14, 25 * 14 * 16)


@pytest.mark.parametrize(("budget", "units"), [(0.5, 34), (0.01, 20)])
def test_screening_costs_its_budget_but_at_least_twice_the_top_units(schema, budget, units):
    """Each of 14 members is dropped alone; then half of 120 * 7 pays for 34 units of 7 evaluations."""
    found = plan.plan(configured(schema, landscape={"mode": "screened", "budget": budget}), SIZE)
    assert found["screen_block"].rows == 25 * 16 * (14 * 13 + units * 7)
    assert found["screen_block"].bytes == units * 16 * 64 * 4
    assert "ablate_block" not in found


def test_the_rules_planned_are_those_of_the_workflow():
    text = "".join(file.read_text() for file in (REPOSITORY / "workflow/rules").glob("*.smk"))
    for rule in plan.TORCH:
        assert f"rule {rule}:" in text or f"checkpoint {rule}:" in text, rule


@pytest.mark.parametrize("preset", ["digits512", "families", "planted"])
def test_presets_can_be_planned(schema, preset):
    config = check_config(
        yaml.safe_load((REPOSITORY / f"presets/{preset}.yaml").read_text()), schema
    )
    work = plan.plan(config, SIZE)
    assert all(each.seconds(RATES) >= 0 and each.flops(RATES) >= 0 for each in work.values())


def test_configurations_are_laid_over_one_another(monkeypatch, tmp_path, schema):
    monkeypatch.chdir(REPOSITORY)
    (tmp_path / "own.yaml").write_text("code: {null_words: 7}\nsampling: {samples: 3}\n")
    (tmp_path / "more.yaml").write_text("sampling: {steps: 9}\nfigures: {samples: [0]}\n")
    found = command._read([tmp_path / "own.yaml", tmp_path / "more.yaml"])
    assert (found["code"]["null_words"], found["code"]["members"]) == (7, 14)
    assert (found["sampling"]["samples"], found["sampling"]["steps"]) == (3, 9)
    (tmp_path / "own.yaml").write_text("- 1\n")
    with pytest.raises(InputError, match="holds list, expected keys"):
        command._read([tmp_path / "own.yaml"])


def test_what_the_configuration_leaves_open_is_asked_for(monkeypatch, schema):
    monkeypatch.chdir(REPOSITORY)
    pictures = REPOSITORY / "presets/pictures.yaml"
    with pytest.raises(InputError, match=r"dataset.images is null.*--images"):
        command.plan([pictures])
    with pytest.raises(InputError, match=r"units.by is label.*--units"):
        command.plan([REPOSITORY / "presets/successor-metfaces.yaml"])


def test_a_network_that_does_not_suit_the_images_is_told_before_rates_are_measured(
    monkeypatch, tmp_path
):
    """Issue 14.11: five widths halve four times, and 8x8 is halved three times."""
    monkeypatch.chdir(REPOSITORY)
    (tmp_path / "own.yaml").write_text("model: {widths: [8, 8, 8, 8, 8]}\n")
    with pytest.raises(InputError, match="images of 8x8 pixels are not divisible by 16"):
        command.plan([tmp_path / "own.yaml"])


@pytest.mark.parametrize("content", [b"# [1", b"a: [1", b"\xff\xfe\x00", None])
def test_what_is_no_configuration_is_refused_in_one_sentence(monkeypatch, tmp_path, content):
    """Issue 14.17: `plan --configfile README.md`, or a file that is not there."""
    monkeypatch.chdir(REPOSITORY)
    file = tmp_path / "own.yaml"
    if content is not None:
        file.write_bytes(content)
    if content == b"# [1":
        assert command._read([file])["run"] == "digits"
        return
    said = (
        "does not exist" if content is None else "cannot be read as a configuration, expected YAML"
    )
    with pytest.raises(InputError, match=said):
        command._read([file])


def test_the_table_has_a_column_of_peaks(capsys):
    """Issue 14.10: the peak of a job of each rule; that of all is the largest."""
    rows = command._rows({}, {"draw_noise": 2, "train_member": 3}, RATES, {"draw_noise": 5e8})
    assert [row["peak_mb"] for row in rows] == [
        peaks.START_LEAN + 500, peaks.START_TORCH
    ]  # fmt: skip
    command._print(rows, 1)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[-3:-1] == ["peak", "MB"]
    assert lines[1].split()[-2] == str(peaks.START_LEAN + 500)


@pytest.mark.slow
def test_the_toy_run_is_planned_whole(workspace, read_json):
    done = workspace.encens("plan", "--configfile", "toy.yaml", "--output", "plan.json")
    assert done.returncode == 0, done.stderr
    planned = read_json(workspace.folder / "plan.json")
    jobs = {row["rule"]: row["jobs"] for row in planned["rules"]}
    assert jobs["train_member"] == 7
    assert jobs["record_run"] == 1
    assert planned["total"]["jobs"] == sum(jobs.values())
    assert planned["total"]["seconds"] > 0
    assert planned["total"]["peak_mb"] == max(row["peak_mb"] for row in planned["rules"])
    assert "hours on 1" in done.stdout


def test_members_of_a_fresh_seed_are_trained_where_controls_are(schema):
    """Issue 14.28: n of them if any control is retrained with the fresh seed, else none."""
    for fresh, members, controls in ((0, 0, 7 * 4), (2, 14, 7 * (4 + 2))):
        work = plan.plan(configured(schema, retrain={"units": 4, "fresh": fresh}), SIZE)
        assert work["train_member"].steps[0] == (400 * (14 + members + controls), 60.0)


def test_given_pictures_are_evaluated_at_each_level_and_draw(schema):
    """24 training images and 24 held-out ones, at 10 levels with 6 draws at once, by 14 members."""
    work = plan.plan(configured(schema), SIZE)["follow_queries"]
    assert (work.calls, work.rows) == (10 * 14, 10 * 6 * 14 * 48)
