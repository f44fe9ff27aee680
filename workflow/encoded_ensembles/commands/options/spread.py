"""Options that several verbs share, as one value: a dataclass whose fields are options."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, get_type_hints


def spread(verb: Callable[..., None]) -> Callable[..., None]:
    """Return a verb that takes the fields of its one dataclass parameter as options of their own.

    Typer reads the options of a verb from its signature, and has no way to share a group of them.
    """
    signature = inspect.signature(verb)
    (group,) = (each for each in signature.parameters.values() if is_dataclass(each.annotation))
    kind = group.annotation
    hints = get_type_hints(kind, include_extras=True)
    options = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(kind)
    ]

    @functools.wraps(verb)
    def spread_out(*values: Any, **named: Any) -> None:
        given = {each.name: named.pop(each.name) for each in options if each.name in named}
        verb(*values, **named, **{group.name: kind(**given)})

    own = [each for each in signature.parameters.values() if each is not group]
    spread_out.__signature__ = signature.replace(parameters=[*own, *options])  # type: ignore[attr-defined]
    return spread_out
