"""Limits on the number of jobs of a configuration."""

import pytest
from encoded_ensembles.config import job_limits
from encoded_ensembles.config.check import check_config
from encoded_ensembles.storage import files


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
        ({"retrain": {"units": 1667}}, r"retrain.units requests 11669 trainings, expected at most"),
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
