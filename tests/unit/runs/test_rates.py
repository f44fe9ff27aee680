"""Speed of this machine; tests/workflow/test_finetuning.py and test_latents.py measure it."""

import ast
import importlib

import pytest
from encoded_ensembles.runs import rates


def test_a_line_through_two_sizes():
    assert rates.line(lambda x: 2 + 0.5 * x, 16, 64) == (2, 0.5)
    assert rates.line(lambda x: 3.0, 16, 64) == (3, 0)
    assert rates.line(lambda x: float(x * x), 1, 10) == (0, 10)


@pytest.mark.parametrize("name", ["START", "START_FIGURE", "START_LIGHT"])
def test_programs_that_are_timed_import_what_there_is(name):
    """They are text, which no linter reads."""
    for node in ast.walk(ast.parse(getattr(rates, name))):
        if isinstance(node, ast.Import):
            for each in node.names:
                importlib.import_module(each.name)
        elif isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module)
            for each in node.names:
                if not hasattr(module, each.name):
                    importlib.import_module(f"{node.module}.{each.name}")
