"""A plan counts what a run does; times follow from rates."""

import pytest
import yaml
from conftest import REPOSITORY
from encoded_ensembles import plan
from encoded_ensembles.config import check_config
from encoded_ensembles.rates import Rates, line

RATES = Rates(
    call=2.0, row=0.5, step=3.0, image=0.25, start=5.0, start_figure=2.0, start_light=1.0, flops=1e6
)
SIZE = plan.Size(images=120, units=120, shape=(1, 8, 8), weights=1000)


def configured(schema, **parts):
    return check_config(parts, schema)


def test_work_by_hand(schema):
    """12 members of which 6 stay, 16 samples, 50 steps, 120 units, 100 null words."""
    work = plan.plan(configured(schema), SIZE)
    rows = 120 * 6 * 16  # in all members at each step: 960 in each, four batches
    assert work["ablate_block"].rows == 50 * rows
    assert work["ablate_block"].calls == 50 * 12 * 4
    assert work["ablate_block"].bytes == 120 * 16 * 64 * 4
    assert work["sample_ensemble"].rows == pytest.approx(50 * 16 * (12 + 12 + 600 + 1))
    assert work["draw_noise"].bytes == 51 * (16 + 512) * 64 * 4
    assert work["train_member"].steps == ((12 * 800, 60.0), (800, 120.0))
    assert work["train_member"].bytes == 13 * 4 * 1000
    assert work["retrain_member"].steps == ((0, 60.0),)


def test_seconds_and_operations_by_hand():
    both = plan.Work(calls=3, rows=10) + plan.Work(steps=((2, 8.0),))
    assert both.seconds(RATES) == 3 * 2 + 10 * 0.5 + 2 * (3 + 8 * 0.25)
    assert both.flops(RATES) == (10 + 3 * 16) * 1e6


def test_jobs_start_by_what_they_import():
    rules = ("train_member", "plot_code", "encode_units")
    assert [plan.start(rule, RATES) for rule in rules] == [5, 2, 1]


def test_short_batches_count_as_filled_up(schema):
    config = configured(schema, sampling={"samples": 1}, figures={"samples": [0]})
    follow = plan.plan(config, SIZE)["follow_members"]
    assert (follow.calls, follow.rows) == (50 * 12, 50 * 12 * 16)


def test_screening_costs_its_budget(schema):
    exact = plan.plan(configured(schema), SIZE)["ablate_block"]
    found = plan.plan(configured(schema, landscape={"mode": "screened", "budget": 0.5}), SIZE)
    assert found["screen_block"].rows == exact.rows / 2
    assert "ablate_block" not in found


def test_the_rules_planned_are_those_of_the_workflow():
    text = "".join(file.read_text() for file in (REPOSITORY / "workflow/rules").glob("*.smk"))
    for rule in plan.TORCH:
        assert f"rule {rule}:" in text, rule


@pytest.mark.parametrize("preset", ["digits512", "families", "planted"])
def test_presets_can_be_planned(schema, preset):
    config = check_config(
        yaml.safe_load((REPOSITORY / f"presets/{preset}.yaml").read_text()), schema
    )
    work = plan.plan(config, SIZE)
    assert all(each.seconds(RATES) >= 0 and each.flops(RATES) >= 0 for each in work.values())


def test_a_line_through_two_sizes():
    assert line(lambda x: 2 + 0.5 * x, 16, 64) == (2, 0.5)
    assert line(lambda x: 3.0, 16, 64) == (3, 0)
    assert line(lambda x: float(x * x), 1, 10) == (0, 10)
