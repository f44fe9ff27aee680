"""Shared options as one value: a dataclass whose fields are options."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, get_type_hints


def spread(verb: Callable[..., None]) -> Callable[..., None]:
    """Return a verb that takes the fields of its one dataclass parameter as separate options.

    Typer reads the options of a verb from its signature, and cannot share a group of them.
    """
    signature = inspect.signature(verb)
    (group,) = (
        parameter
        for parameter in signature.parameters.values()
        if is_dataclass(parameter.annotation)
    )
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
        options_of_group = {
            parameter.name: named.pop(parameter.name)
            for parameter in options
            if parameter.name in named
        }
        verb(*values, **named, **{group.name: kind(**options_of_group)})

    others = [parameter for parameter in signature.parameters.values() if parameter is not group]
    spread_out.__signature__ = signature.replace(parameters=[*others, *options])  # type: ignore[attr-defined]
    return spread_out
