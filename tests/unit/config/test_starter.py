"""The files of the workflow; tests/workflow/test_init.py starts a run with them."""

from encoded_ensembles.config import starter
from workspace import REPOSITORY


def test_the_workflow_is_at_the_top_of_the_clone():
    root = starter.workflow_root()
    assert root == REPOSITORY
    assert all((root / part).exists() for part in starter.PARTS)
    assert {"dataset", "units", "code", "model"} <= starter.read_schema()["properties"].keys()
