"""Errors of one sentence: invalid input of the user, and wrong or damaged files."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from encoded_ensembles.storage.disk import is_output
from encoded_ensembles.storage.seals import is_sealed


class InputError(ValueError):
    """Invalid input: shown to the user as one sentence, without a traceback."""


class ForeignError(InputError):
    """An input file is of another kind than expected.

    The command line adds the help of its option.

    Attributes:
        path: of the file.
    """

    def __init__(self, path: Path, sentence: str) -> None:
        """Take the file, and a sentence: what was expected and what was found."""
        super().__init__(sentence)
        self.path = path


class Content(dict[str, Any]):
    """The content of a file, by name; the error for a missing name includes the path."""

    def __init__(self, path: Path, content: Mapping[str, Any]) -> None:
        """Take the content of the file at `path`."""
        super().__init__(content)
        self.path = path

    def __missing__(self, name: str) -> Any:
        """Raise the error for a missing name.

        Raises:
            InputError: always.
        """
        raise ForeignError(
            self.path, f"{self.path} holds {', '.join(self) or 'nothing'}, expected {name} in it."
        )


def damaged(path: Path, problem: str) -> InputError:
    """Return the error for a file whose bytes are not those that this program wrote.

    It advises to delete only files of this program: those with a seal, or where rules write. It never
    advises to delete a ledger, because no rule writes it again.

    Args:
        path: of the file.
        problem: what is wrong with it.
    """
    if not is_output(path) and not is_sealed(path):
        return ForeignError(
            path, f"{path} was not written by this program ({problem}), expected a file of a run."
        )
    if path.parent.name == "ledger":
        return InputError(
            f"{path} is damaged ({problem}); restore a copy, or move it away with encens check-run "
            "--delete: code words are then assigned as in a first run."
        )
    return InputError(f"{path} is damaged ({problem}); delete it and run again.")


def close_matches(name: str, known: list[str], *, otherwise: str = ".") -> str:
    """Return the end of a sentence on an unknown name: the closest known name, or `otherwise`."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else otherwise
