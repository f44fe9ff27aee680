"""The rooms of the package: imports point one way, from what is built on to what it is built of."""

import ast

from encoded_ensembles.config.closure import PACKAGE, imported_modules

# Ground floor first; rooms on one line do not use each other.
FLOORS = [
    {"randomness", "progress", "lean_import"},
    {"storage"},
    {"data"},
    {"codes", "members", "features"},
    {"config", "ensemble", "influence"},
    {"grading", "figures"},
    {"runs"},
    {"sharing"},
    {"commands"},
    {"cli"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_every_module_is_in_a_room():
    modules = [path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py"]
    assert len(modules) > 150
    assert {room_of(path) for path in modules} == set(FLOOR)


def test_imports_point_to_lower_floors_only():
    """The package itself hands `Run` on, and is imported by no module."""
    for path in PACKAGE.rglob("*.py"):
        own = room_of(path)
        for target in imported_modules(path) if path.parent != PACKAGE or own == "cli" else ():
            other = room_of(target)
            assert own == other or FLOOR[other] < FLOOR[own], f"{path} imports {target}"


def test_no_module_imports_itself_by_way_of_others():
    done, path_to = set(), []

    def visit(path):
        assert path not in path_to, [str(each.relative_to(PACKAGE)) for each in path_to]
        if path not in done:
            path_to.append(path)
            for target in imported_modules(path) - {PACKAGE / "__init__.py"}:
                visit(target)
            path_to.pop()
            done.add(path)

    for path in PACKAGE.rglob("*.py"):
        visit(path)


def test_rooms_have_a_docstring_and_no_code():
    for file in PACKAGE.rglob("__init__.py"):
        if file.parent != PACKAGE:
            (only,) = ast.parse(file.read_text()).body
            assert isinstance(only, ast.Expr), file


def test_the_package_offers_a_run():
    from encoded_ensembles import Run
    from encoded_ensembles.runs import run

    assert Run is run.Run
