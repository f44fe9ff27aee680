"""Which code of this package determines the result of a command, as one digest.

Snakemake sees the shell line of a rule, not the modules behind it. Each rule therefore has the digest of
its command's code as a parameter. The digest covers the module of the command and every module that it
imports. Comments, docstrings, type annotations, help texts and layout do not change it; any other change
makes the result outdated.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent.parent
COMMANDS = PACKAGE / "commands"


@cache  # a workflow needs dozens of closures, which share most of their files
def read_module(path: Path) -> tuple[frozenset[Path], str]:
    """Return what `imported_modules` and `meaning` return of a file, which is parsed once."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return _imports(tree), ast.unparse(_Bare().visit(tree))


def imported_modules(path: Path) -> frozenset[Path]:
    """Return the files of this package that the file at `path` imports, anywhere in its code.

    Only absolute imports are read (`from encoded_ensembles.codes import encode`,
    `from encoded_ensembles.codes.encode import encode`): this package uses no other form.
    """
    return read_module(path)[0]


def meaning(path: Path) -> str:
    """Return the code of a file without the parts that do not affect results."""
    return read_module(path)[1]


def _imports(tree: ast.AST) -> frozenset[Path]:
    files = set()
    for node in ast.walk(tree):
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
                files.add(file)
    return frozenset(files)


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
