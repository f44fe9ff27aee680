"""Ledgers: files that store earlier results, outside the outputs of rules (docs/codes.md)."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from encoded_ensembles.storage.files import read_arrays


def short_digest(parts: Iterable[object]) -> str:
    """Return a digest of the parts, eight hexadecimal digits, for a file name for example."""
    joined = "\n".join(map(str, parts))
    return hashlib.sha256(joined.encode("utf-8", "surrogateescape")).hexdigest()[:8]


def ledger_file(folder: Path | None, name: str, *parameters: object) -> Path | None:
    """Return the ledger for results of these parameters; None without a folder."""
    return None if folder is None else folder / f"{name}-{short_digest(parameters)}.npz"


def read_ledger(path: Path | None) -> dict[str, np.ndarray] | None:
    """Return the arrays of a ledger, or None if it does not exist.

    Raises:
        InputError: the file is damaged.
    """
    return read_arrays(path) if path and path.is_file() else None
