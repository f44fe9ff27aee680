"""The command line `encens`: one verb for each module in `commands`, called like its function."""

import errno
import os
import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

# One thread per job, set before NumPy and torch read it. Two threads are at most 1.6x faster, and up
# to 20x slower when another process runs.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import typer

from encoded_ensembles import commands
from encoded_ensembles.lean_import import diffusers_import, only_needed
from encoded_ensembles.members import network
from encoded_ensembles.storage.disk import explain
from encoded_ensembles.storage.errors import ForeignError, InputError

FORMER = {  # verbs of earlier versions, and their replacements
    "retrain-member": "train-member, on the split that split-controls writes",
    "train-heldout": "train-member, on the split that split-heldout writes",
    "split-member": "split-members, which writes those of all members",
    "split-control": "split-controls, which writes those of all controls",
}

VERBS = [
    module.name
    for module in iter_modules(commands.__path__)
    if not module.ispkg  # the package holds options that several verbs share
]


def application(names: Iterable[str] = VERBS) -> typer.Typer:
    """Return the command line of modules in `commands`; to import all of them takes a tenth of a second."""
    app = typer.Typer(
        name="encens",
        help="Encoded ensembles of diffusion models: which training data shaped an image.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(lambda: None)  # so that the verb is given even where there is one only
    for name in names:
        app.command()(getattr(import_module(f"{commands.__name__}.{name}"), name))
    return app


def main() -> None:
    """Run a verb; a user error, a disk error or a full GPU gives one sentence and exit code 1."""
    if len(sys.argv) > 1 and sys.argv[1] in FORMER:
        sys.exit(f"encens: error: verb {sys.argv[1]} no longer exists; use {FORMER[sys.argv[1]]}.")
    asked = [name for name in VERBS if sys.argv[1:2] == [name.replace("_", "-")]]
    network.around_import = diffusers_import
    try:
        with only_needed():
            application(asked or VERBS)()
    except ForeignError as error:
        sys.exit(f"encens: error: {str(error).rstrip('.')}{_option_help(error.path)}.")
    except InputError as error:
        sys.exit(f"encens: error: {error}")
    except OSError as error:
        full = error.filename and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
        sentence = explain(error, Path(error.filename)) if full else None
        sys.exit(f"encens: error: {sentence or _missing(error)}")
    except RuntimeError as error:
        if type(error).__name__ != "OutOfMemoryError":  # torch's, without importing torch
            raise
        message = str(error).split(". ")[0]
        sys.exit(f"encens: error: {message}; give the job a larger GPU, or a GPU to itself.")


def _missing(error: OSError) -> str:
    """Return one sentence on a file that could not be read, with the help of its option."""
    if error.filename is None or error.strerror is None:
        return str(error)
    problems = {errno.ENOENT: "does not exist", errno.EISDIR: "is a folder, expected a file"}
    problem = problems.get(error.errno or 0, f"cannot be used ({error.strerror})")
    return f"{error.filename} {problem}{_option_help(Path(os.fsdecode(error.filename)))}."


def _option_help(path: Path) -> str:
    """Return the end of a sentence: the help of the option that named a file or its folder."""
    app = application([sys.argv[1].replace("-", "_")])
    verb = typer.main.get_command(app).commands[sys.argv[1]]  # type: ignore[attr-defined]
    try:
        arguments = verb.make_context(sys.argv[1], sys.argv[2:], resilient_parsing=True).params
    except InputError:  # of an option that searches for files
        return ""
    target, endings = path.absolute(), {}
    for option in verb.params:
        values = arguments.get(option.name)
        for value in values if isinstance(values, list | tuple) else [values]:
            if not isinstance(value, str | Path) or not value:
                continue
            place = Path(value).absolute()
            if place in (target, *target.parents):
                name = next((text for text in option.opts if text.startswith("--")), option.name)
                endings[len(place.parts)] = f"; {name} expects: {option.help}"
    return endings[max(endings)] if endings else ""
