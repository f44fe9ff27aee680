"""Which code determines the result of a command: what is imported, and what has no effect."""

import json
import zlib

import pytest
from encoded_ensembles.config import closure

PLAIN = """
def add(x, y=2):
    return x + y
"""
DRESSED = '''
"""A module."""
# A comment.
Number = Annotated[int, Option(help="A number.")]


def add(x: Number, y: Number = 2) -> int:
    """Add."""
    return (
        x + y
    )
'''


@pytest.mark.parametrize(
    ("text", "same"),
    [(DRESSED, True), (PLAIN.replace("2", "3"), False), (PLAIN.replace("+", "-"), False)],
)
def test_only_code_that_affects_results_has_a_meaning(tmp_path, text, same):
    for name, content in (("plain.py", PLAIN), ("other.py", text)):
        (tmp_path / name).write_text(content)
    plain, other = (closure.meaning(tmp_path / name) for name in ("plain.py", "other.py"))
    assert (plain == other) == same


def test_what_is_kept_of_a_module_is_not_used_for_another_version_of_it(tmp_path, monkeypatch):
    """Kept beside the compiled module: same answers without parsing, new ones after any change."""
    file, parsed = tmp_path / "a.py", []
    parse = closure.ast.parse
    monkeypatch.setattr(closure.sys, "dont_write_bytecode", False)
    monkeypatch.setattr(
        closure.ast, "parse", lambda *given, **more: parsed.append(given) or parse(*given, **more)
    )

    def read():
        closure.read_module.cache_clear()
        return closure.read_module(file)

    file.write_text(PLAIN)
    first = read()
    assert (read(), len(parsed)) == (first, 1)
    file.write_text(PLAIN.replace("2", "3"))  # of the same length, within the same second
    second = read()
    assert (second != first, len(parsed)) == (True, 2)
    (kept,) = (tmp_path / "__pycache__").iterdir()
    for damage in (
        b"",
        b"[]",
        kept.read_bytes()[:-9],
        *(zlib.compress(json.dumps(each).encode()) for each in (3, [], {"a": 1})),
    ):
        kept.write_bytes(damage)
        assert read() == second
    assert len(parsed) == 8


def test_imported_modules_by_hand(tmp_path):
    """Modules and names of modules, also within functions; no other packages."""
    (tmp_path / "a.py").write_text(
        "import numpy as np\n"
        "import encoded_ensembles.progress\n"
        "from encoded_ensembles.codes import encode, masks as keep\n"
        "def f():\n"
        "    from encoded_ensembles.codes.words import pack\n"
    )
    found = closure.imported_modules(tmp_path / "a.py")
    assert {path.relative_to(closure.PACKAGE).as_posix() for path in found} == {
        "progress.py", "codes/encode.py", "codes/masks.py", "codes/words.py"
    }  # fmt: skip


def test_a_closure_holds_the_imports_of_its_modules():
    files = closure.closure("draw_noise")
    assert closure.COMMANDS / "draw_noise.py" in files
    assert files == sorted(set(files))
    for path in files:
        assert closure.imported_modules(path) <= set(files)


def test_each_command_has_a_digest_of_its_own():
    digests = {closure.code_digest(command) for command in ("draw_noise", "encode_units", "plan")}
    assert len(digests) == 3
    assert {len(digest) for digest in digests} == {64}
