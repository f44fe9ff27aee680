"""Which modules of this package decide the result of a command.

Snakemake sees the shell line of a rule, not the modules behind it. Each rule therefore takes the
import closure of its command's module as input: editing any file in it makes the result stale,
editing any other file does not.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent


@cache  # a workflow asks for dozens of closures that share most of their files
def imported_modules(path: Path) -> frozenset[Path]:
    """Return the files of this package that the file at `path` imports, at any depth of its code.

    Only absolute imports of the package are read (`from encoded_ensembles import codes`,
    `from encoded_ensembles.codes import random_words`): the only form this package uses.
    """
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            first, *rest = name.split(".")
            file = PACKAGE.joinpath(*rest).with_suffix(".py")
            if first == PACKAGE.name and rest and file.exists():
                found.add(file)
    return frozenset(found)


def closure(command: str) -> list[Path]:
    """Return the module of `command` and every module of this package it imports, sorted.

    Args:
        command: name of a module in `encoded_ensembles/commands`, such as "train".
    """
    waiting, seen = [PACKAGE / "commands" / f"{command}.py"], set()
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting.extend(imported_modules(path))
    return sorted(seen)


def code_digest(command: str) -> str:
    """Return one SHA-256 over the sources in the closure of `command`."""
    digest = hashlib.sha256()
    for path in closure(command):
        digest.update(path.read_bytes())
    return digest.hexdigest()
