"""Which code of this package determines the result of a command, as one digest.

Snakemake sees the shell line of a rule, not the modules behind it. Each rule therefore has the digest of
its command's code as a parameter. The digest covers the module of the command and every module that it
imports. Comments, docstrings, type annotations, help texts and layout do not change it; any other change
makes the result outdated.
"""

import ast
import hashlib
import json
import os
import sys
import zlib
from contextlib import suppress
from functools import cache
from importlib.util import cache_from_source
from pathlib import Path

PACKAGE = Path(__file__).parent.parent
COMMANDS = PACKAGE / "commands"
OWN = Path(__file__).read_bytes()


@cache  # a workflow needs dozens of closures, which share most of their files
def read_module(path: Path) -> tuple[frozenset[str], str]:
    """Return the modules that a file imports, by all names they may have, and its `meaning`.

    Parsing all files takes seconds, so what was found is kept beside the compiled module, where Python
    keeps such, for as long as this file and that one are the same.
    """
    code = path.read_bytes()
    key = hashlib.sha256(OWN + code).hexdigest()
    kept = Path(cache_from_source(str(path))).with_suffix(".closure")
    try:
        known, names, meant = json.loads(zlib.decompress(kept.read_bytes()))
        if known == key:
            return frozenset(names), meant
    except (OSError, zlib.error, ValueError, TypeError):
        pass
    tree = ast.parse(code)
    names = sorted(_imports(tree))
    meant = ast.unparse(_Bare().visit(tree))
    if not sys.dont_write_bytecode:
        with suppress(OSError):  # such as a package that was installed by another user
            kept.parent.mkdir(exist_ok=True)
            temporary = kept.with_suffix(f".{os.getpid()}")
            temporary.write_bytes(zlib.compress(json.dumps([key, names, meant]).encode()))
            temporary.replace(kept)
    return frozenset(names), meant


@cache
def imported_modules(path: Path) -> frozenset[Path]:
    """Return the files of this package that the file at `path` imports, anywhere in its code.

    Only absolute imports are read (`from encoded_ensembles.codes import encode`,
    `from encoded_ensembles.codes.encode import encode`): this package uses no other form.
    """
    files = {
        PACKAGE.joinpath(*name.split(".")[1:]).with_suffix(".py") for name in read_module(path)[0]
    }
    return frozenset(file for file in files if file.exists())


def meaning(path: Path) -> str:
    """Return the code of a file without the parts that do not affect results."""
    return read_module(path)[1]


def _imports(tree: ast.AST) -> set[str]:
    """Return names of modules in this package, and of what is imported from them, which may be modules."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name.startswith(f"{PACKAGE.name}.")}


def closure(command: str) -> list[Path]:
    """Return the module of `command` and all modules of this package that it imports, sorted.

    Args:
        command: name of a module in `encoded_ensembles/commands`, such as "train_member".
    """
    waiting, seen = [COMMANDS / f"{command}.py"], set()
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting.extend(imported_modules(path))
    return sorted(seen)


@cache
def code_digest(command: str) -> str:
    """Return the SHA-256 of the meaning of all code in the closure of `command`."""
    digest = hashlib.sha256()
    for path in closure(command):
        digest.update(f"{path.relative_to(PACKAGE)}\n{meaning(path)}\n".encode())
    return digest.hexdigest()


class _Bare(ast.NodeTransformer):
    """Remove docstrings, annotations and command-line options from a syntax tree.

    An option of a verb is an annotation: its name and its default remain.
    """

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Remove the docstring of a module, class or function, and annotations."""
        super().generic_visit(node)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            documented = ast.get_docstring(node, clean=False) is not None
            node.body = node.body[documented:] or [ast.Pass()]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:  # the name is set by ast
        """Keep name and value; a name without a value may be a field of a class."""
        self.generic_visit(node)
        node.annotation = ast.Constant(None)
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        """Remove the definition of a command-line option."""
        value = node.value
        if isinstance(value, ast.Subscript) and ast.unparse(value.value) == "Annotated":
            return None
        return self.generic_visit(node)
