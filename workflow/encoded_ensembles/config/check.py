"""The configuration: its defaults, and one sentence for each error in it."""

import math
import re
from collections.abc import Iterator
from typing import Any

from encoded_ensembles.config.relations import check_together
from encoded_ensembles.config.smoke import smallest
from encoded_ensembles.storage.files import InputError, close_matches

Schema = dict[str, Any]


def check_config(config: dict[str, Any], schema: Schema) -> dict[str, Any]:
    """Return the configuration with defaults filled in.

    Args:
        config: as read from YAML.
        schema: workflow/schemas/config.schema.yaml (JSON Schema 2020-12).

    Raises:
        InputError: a key is unknown, a value is out of range, or values contradict each other.
    """
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match
    from jsonschema.validators import extend

    checker = Draft202012Validator.TYPE_CHECKER
    finite = checker.redefine(
        "number",
        lambda _, value: checker.is_type(value, "number") and math.isfinite(value),
    )
    validator = extend(Draft202012Validator, {"pattern": whole_pattern}, type_checker=finite)(
        schema
    )
    filled = with_defaults(config, schema)
    error = best_match(validator.iter_errors(filled))
    if error:
        raise InputError(explain(error))
    check_together(filled)
    return smallest(filled) if filled["smoke"] else filled


def whole_pattern(_: Any, pattern: str, value: Any, __: Any) -> Iterator[Any]:
    """Check that a pattern matches a whole text.

    JSON Schema searches in the text, and Python's $ matches before a final line break.
    """
    from jsonschema.exceptions import ValidationError

    if isinstance(value, str) and not re.fullmatch(pattern, value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


def with_defaults(config: Any, schema: Schema) -> Any:
    """Return a copy of `config` in which absent keys have the schema's defaults.

    Snakemake's --config turns true, null and numbers within braces into text: if the schema allows
    no text, the text is parsed again. Whole numbers may be written as 12.0.
    """
    if "items" in schema and isinstance(config, list):
        return [with_defaults(item, schema["items"]) for item in config]
    if "properties" not in schema or not isinstance(config, dict | None):
        return read_value(config, schema)
    filled = dict(config or {})
    for key, part in schema["properties"].items():
        if "properties" in part:
            filled[key] = with_defaults(filled.get(key), part)
        elif key in filled:
            filled[key] = with_defaults(filled[key], part)
        elif "default" in part:
            filled[key] = part["default"]
    return filled


def read_value(value: Any, schema: Schema) -> Any:
    """Return a value in the type of the schema: 12 for 12.0, and text parsed by `read_word`."""
    types = schema.get("type", [])
    allowed = [types] if isinstance(types, str) else types
    if isinstance(value, str):
        return read_word(value, allowed, schema)
    whole = isinstance(value, float) and value.is_integer()
    return int(value) if whole and "integer" in allowed and "number" not in allowed else value


def read_word(word: str, allowed: list[str], schema: Schema) -> Any:
    """Return text parsed as YAML if the schema allows no text; otherwise the text.

    YAML reads 1e-3 as text, because it has no decimal point.
    """
    import yaml

    words = "string" in allowed or any(isinstance(value, str) for value in schema.get("enum", []))
    if words and not (word == "null" and "null" in allowed):
        return word
    if {"number", "integer"} & {*allowed} and re.fullmatch(r"[+-]?\d+[eE][+-]?\d+", word):
        return read_value(float(word), {"type": allowed})
    try:
        return yaml.safe_load(word)
    except yaml.YAMLError:
        return word


def explain(error: Any) -> str:
    """Return a jsonschema error as one sentence with key, value and allowed range."""
    key = ".".join(str(part) for part in error.absolute_path)
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        unknown = next(str(name) for name in error.instance if name not in known)
        hint = close_matches(unknown, known, otherwise=f"; known keys: {', '.join(known)}.")
        return f"config key {f'{key}.' if key else ''}{unknown} is not known{hint}"
    schema = error.schema
    return (
        f"config key {key} is {error.instance!r}, expected {expected(schema)}"
        f" ({schema['description'].rstrip('.')})."
        if "description" in schema
        else f"config key {key} is {error.instance!r}, expected {expected(schema)}."
    )


def expected(schema: Schema) -> str:
    """Describe in words which values a part of the schema allows."""
    if "enum" in schema:
        values = ("null" if value is None else str(value) for value in schema["enum"])
        return f"one of {', '.join(values)}"
    types = schema.get("type", "value")
    names = {
        "integer": "a whole number",
        "number": "a finite number",
        "string": "text",
        "array": "a list",
        "object": "a group of keys",
        "null": "null",
        "boolean": "true or false",
    }
    parts = [" or ".join(names[t] for t in ([types] if isinstance(types, str) else types))]
    for key, words in {
        "minimum": "at least",
        "exclusiveMinimum": "above",
        "maximum": "at most",
        "exclusiveMaximum": "below",
        "multipleOf": "a multiple of",
        "minItems": "items: at least",
        "pattern": "matching",
        "maxLength": "letters: at most",
        "minLength": "letters: at least",
    }.items():
        if key in schema:
            parts.append(f"{words} {schema[key]}")
    if "items" in schema:
        parts.append(f"each {expected(schema['items'])}")
    return ", ".join(parts)
