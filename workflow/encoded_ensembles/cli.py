"""The command line `encens`: one verb for each module in `commands`, called like its function."""

import errno
import os
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

# Read when NumPy and torch start, so before them: one thread a job. Two gain 1.6x at best, and lose
# up to 20x when another process runs.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import typer

from encoded_ensembles import commands
from encoded_ensembles.members import network
from encoded_ensembles.storage.disk import explain
from encoded_ensembles.storage.errors import ForeignError, InputError

FORMER = {  # verbs of earlier versions, and what does their work now
    "retrain-member": "train-member, on the split that split-control writes",
    "train-heldout": "train-member, on the split that split-heldout writes",
}

app = typer.Typer(
    name="encens",
    help="Encoded ensembles of diffusion models: which training data shaped an image.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for module in iter_modules(commands.__path__):
    if not module.ispkg:  # options, which several verbs share
        app.command()(getattr(import_module(f"{commands.__name__}.{module.name}"), module.name))


def main() -> None:
    """Run a verb; a mistake of the user's, of the disk, or a full GPU ends in one sentence and code 1."""
    network.only_needed = True
    if len(sys.argv) > 1 and sys.argv[1] in FORMER:
        sys.exit(
            f"encens: error: there is no verb {sys.argv[1]} any more; use {FORMER[sys.argv[1]]}."
        )
    try:
        app()
    except ForeignError as error:
        sys.exit(f"encens: error: {str(error).rstrip('.')}{_taken(error.path)}.")
    except InputError as error:
        sys.exit(f"encens: error: {error}")
    except OSError as error:
        full = error.filename and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
        sentence = explain(error, Path(error.filename)) if full else None
        sys.exit(f"encens: error: {sentence or _missing(error)}")
    except RuntimeError as error:
        if type(error).__name__ != "OutOfMemoryError":  # torch's, which is not imported for this
            raise
        said = str(error).split(". ")[0]
        sys.exit(f"encens: error: {said}; give the job a larger GPU, or one of its own.")


def _missing(error: OSError) -> str:
    """Return one sentence on a file that could not be read, with what its option takes."""
    if error.filename is None or error.strerror is None:
        return str(error)
    said = {errno.ENOENT: "is not there", errno.EISDIR: "is a folder, expected a file"}
    problem = said.get(error.errno or 0, f"cannot be used ({error.strerror})")
    return f"{error.filename} {problem}{_taken(Path(os.fsdecode(error.filename)))}."


def _taken(path: Path) -> str:
    """Return what the option takes by which a file, or its folder, was given, to end a sentence."""
    verb = typer.main.get_command(app).commands[sys.argv[1]]  # type: ignore[attr-defined]
    try:
        given = verb.make_context(sys.argv[1], sys.argv[2:], resilient_parsing=True).params
    except InputError:  # of an option that looks for files
        return ""
    home, found = path.absolute(), {}
    for option in verb.params:
        values = given.get(option.name)
        for value in values if isinstance(values, list | tuple) else [values]:
            if isinstance(value, Path) and value.absolute() in (home, *home.parents):
                name = next((each for each in option.opts if each.startswith("--")), option.name)
                found[len(value.absolute().parts)] = f"; {name} takes: {option.help}"
    return found[max(found)] if found else ""
