"""The command line: a mistake ends in one sentence, with what the option takes."""

import subprocess
import sys

import numpy as np
import pytest
import typer
from encoded_ensembles import cli
from encoded_ensembles.cli import application
from encoded_ensembles.storage.files import write_arrays, write_facts


@pytest.fixture
def said(monkeypatch, tmp_path):
    """Return a function that runs the command line in a folder, and returns its error."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["encens", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code

    return run


def test_a_file_given_by_mistake_is_not_to_be_deleted(said, tmp_path):
    """Issue 14.16: "README.md is damaged; delete it and run again"."""
    (tmp_path / "README.md").write_text("# Mine")
    write_arrays(tmp_path / "other.npz", {"images": np.arange(3)})
    write_facts(tmp_path / "facts.json", {"a": 1})
    places = ("--output", "a")
    for data, code, sentence in (
        ("x", "README.md", "README.md was not written by this program (it has no seal, or "
         "is of an earlier version), expected a file of a run; --code expects: code, .npz of encode-units."),
        ("x", "facts.json", "; --code expects: code, .npz of encode-units."),
        ("other.npz", "other.npz", "other.npz holds images, expected "),
        ("x", "gone.npz", "gone.npz does not exist; --code expects: code, .npz of encode-units."),
        ("x", "folder", "folder is a folder, expected a file; --code expects: code, .npz of encode-units."),
    ):  # fmt: skip
        (tmp_path / "folder").mkdir(exist_ok=True)
        error = said("split-members", "--data", data, "--code", code, *places)
        assert error.startswith("encens: error: ")
        assert sentence in error
        assert "delete" not in error
    error = said("plot-loss", "README.md", "--output", "x.pdf")
    assert "training.json does not exist" in error
    assert said("import-universe", "gone.ctf", "--output", "x") == (
        "encens: error: gone.ctf does not exist; universe expects: universe, .ctf."
    )


def test_what_is_no_configuration_is_not_planned(said, tmp_path):
    """Issue 14.17 and 14.24: text, bytes, a folder, nothing; and no configuration at all."""
    assert said("plan") == (
        "encens: error: config.yaml does not exist, expected a configuration in the folder of the workflow; "
        "encens init writes such a folder."
    )
    (tmp_path / "config.yaml").write_text("run: a")
    (tmp_path / "README.md").write_text("# Mine\n\nA text: with: colons\n")
    (tmp_path / "words.md").write_text("nothing but words")
    (tmp_path / "list.yaml").write_text("[1, 2]")
    (tmp_path / "bytes").write_bytes(b"\x80\x00")
    (tmp_path / "folder").mkdir()
    for name, sentence in (
        ("README.md", "README.md cannot be read as a configuration, expected YAML: mapping values are not"),
        ("words.md", "words.md holds str, expected keys and values."),
        ("list.yaml", "list.yaml holds list, expected keys and values."),
        ("bytes", "bytes cannot be read as a configuration, expected YAML: "),
        ("folder", "folder cannot be read as a configuration, expected YAML: Is a directory."),
        ("gone.yaml", "gone.yaml does not exist, expected a configuration"),
    ):  # fmt: skip
        error = said("plan", "--configfile", name)
        assert error.startswith(f"encens: error: {sentence}"), error
        assert "Errno" not in error


CHECK = """
import importlib.metadata, sys
from contextlib import nullcontext
from encoded_ensembles.lean_import import diffusers_import, only_needed, without_compiler
from encoded_ensembles.members import network
network.around_import = diffusers_import
with {}():
    network.import_network()
    import torch
    weight = torch.nn.Parameter(torch.ones(2))
    weight.sum().backward()
    with without_compiler():
        adam = torch.optim.Adam([weight])
        adam.step()
        adam.zero_grad()
    heavy = {{"sympy", "torch._dynamo.eval_frame"}} & set(sys.modules)
from diffusers.utils import import_utils as found
print(found._peft_available, found._transformers_available, found._scipy_available, found._accelerate_available,
      bool(heavy))
assert importlib.metadata.packages_distributions() # found whole again
import peft, scipy, torch._dynamo
assert torch._dynamo.eval_frame and torch._dynamo.is_compiling() is False
print(torch.compile(lambda x: x + 1, backend="eager")(torch.ones(1)).item())
"""


@pytest.mark.parametrize("command_line", [False, True])
def test_what_is_not_needed_is_hidden_in_the_command_line_alone(command_line):
    """Issue 14.19: packages stayed hidden in a notebook that had imported a network of ours first."""
    code = CHECK.format("only_needed" if command_line else "nullcontext")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split() == [*[str(not command_line)] * 5, "2.0"], done.stderr


def test_a_stand_in_becomes_the_module_when_more_of_it_is_asked_for():
    code = """
import sys
from encoded_ensembles.lean_import import Deferred, only_needed, without_compiler
with without_compiler():
    assert "torch._dynamo" not in sys.modules
import torch
with only_needed(), without_compiler():
    assert isinstance(sys.modules["torch._dynamo"], Deferred)
    assert torch._dynamo.config.recompile_limit > 0
    assert not isinstance(sys.modules["torch._dynamo"], Deferred)
assert "torch._dynamo" in sys.modules
assert "torch.nn.attention.flex_attention" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_only_encode_units_is_given_a_family():
    """Issue 14.8: no other verb has an option that could contradict the code."""
    verbs = typer.main.get_command(application()).commands
    options = {verb: {p.name for p in command.params} for verb, command in verbs.items()}
    assert [verb for verb, names in options.items() if {"family", "distance"} & names] == [
        "encode-units"
    ]


def test_a_verb_does_not_import_what_others_need():
    code = """
import sys
from encoded_ensembles import cli
sys.argv = ["encens", "split-members", "--member", "x"]
try:
    cli.main()
except SystemExit as end:
    assert end.code == 2, end.code
verbs = [name for name in sys.modules if name.startswith("encoded_ensembles.commands.") and name.count(".") == 2]
print(*verbs, {"pandas", "pydantic", "scipy", "torch"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split() == [
        "encoded_ensembles.commands.options",
        "encoded_ensembles.commands.split_members",
        "set()",
    ], done.stderr
