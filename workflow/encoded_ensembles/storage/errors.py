"""Mistakes of the user's, and files that are not what they should be: errors of one sentence."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from encoded_ensembles.storage.disk import is_output
from encoded_ensembles.storage.seals import is_sealed


class InputError(ValueError):
    """A mistake in what the user gave: shown as one sentence, without a traceback."""


class ForeignError(InputError):
    """A file was given that is not of the kind that is read there.

    The command line adds what its option takes.

    Attributes:
        path: of the file.
    """

    def __init__(self, path: Path, sentence: str) -> None:
        """Say what was found and expected of the file at `path`, in a whole sentence."""
        super().__init__(sentence)
        self.path = path


class Content(dict[str, Any]):
    """What a file holds, by name; what it lacks is said with the file's name."""

    def __init__(self, path: Path, content: Mapping[str, Any]) -> None:
        """Take the content of the file at `path`."""
        super().__init__(content)
        self.path = path

    def __missing__(self, name: str) -> Any:
        """Refuse the file.

        Raises:
            InputError: always.
        """
        raise ForeignError(
            self.path, f"{self.path} holds {', '.join(self) or 'nothing'}, expected {name} in it."
        )


def damaged(path: Path, problem: str) -> InputError:
    """Return the error for a file that is not as this program wrote it.

    To delete it is advised only of a file of this program: one that holds a seal, or lies where rules
    write. A ledger is never to be deleted, since no rule makes it again.

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
            f"{path} is damaged ({problem}); put a copy of it back, or set it aside with encens "
            "check-run --delete: words are then dealt as in a first run."
        )
    return InputError(f"{path} is damaged ({problem}); delete it and run again.")


def close_matches(name: str, known: list[str], *, otherwise: str = ".") -> str:
    """Return how to end a sentence about an unknown name: the closest known one, or `otherwise`."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else otherwise
