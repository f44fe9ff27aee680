"""The command line: a mistake ends in one sentence, with what the option takes."""

import subprocess
import sys

import numpy as np
import pytest
import typer
from encoded_ensembles import cli
from encoded_ensembles.cli import app
from encoded_ensembles.members import network
from encoded_ensembles.storage.files import write_arrays, write_facts


@pytest.fixture
def said(monkeypatch, tmp_path):
    """Return a function that runs the command line in a folder, and returns its error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(network, "only_needed", False)

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
    places = ("--manifest", "a.json", "--digest", "b")
    for data, code, sentence in (
        ("x", "README.md", "README.md was not written by this program (it has no seal, or "
         "is of an earlier version), expected a file of a run; --code expects: code, .npz of encode-units."),
        ("x", "facts.json", "; --code expects: code, .npz of encode-units."),
        ("other.npz", "other.npz", "other.npz holds images, expected "),
        ("x", "gone.npz", "gone.npz does not exist; --code expects: code, .npz of encode-units."),
        ("x", "folder", "folder is a folder, expected a file; --code expects: code, .npz of encode-units."),
    ):  # fmt: skip
        (tmp_path / "folder").mkdir(exist_ok=True)
        error = said("split-member", "--data", data, "--code", code, "--member", "0", *places)
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
from encoded_ensembles.members import network
network.only_needed = {}
network.import_network()
from diffusers.utils import import_utils as found
print(found._peft_available, found._transformers_available, found._scipy_available, found._accelerate_available)
"""


@pytest.mark.parametrize("command_line", [False, True])
def test_packages_that_diffusers_finds_are_hidden_in_the_command_line_alone(said, command_line):
    """Issue 14.19: they stayed hidden in a notebook that had imported a network of ours first."""
    assert network.only_needed is False
    if command_line:
        said("check-run", "nosuch")
        assert network.only_needed is True
    done = subprocess.run(
        [sys.executable, "-c", CHECK.format(network.only_needed)], capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert done.stdout.split() == [str(not command_line)] * 4


def test_only_encode_units_is_given_a_family():
    """Issue 14.8: no other verb has an option that could contradict the code."""
    verbs = typer.main.get_command(app).commands
    options = {verb: {p.name for p in command.params} for verb, command in verbs.items()}
    assert [verb for verb, names in options.items() if {"family", "distance"} & names] == [
        "encode-units"
    ]
