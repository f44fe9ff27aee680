"""The configuration: its defaults, and one sentence for each error in it."""

import math
import re
from collections.abc import Iterator
from typing import Any

from encoded_ensembles.codes.families import (
    Family,
    check_capacity,
    check_null_words,
    default_weight,
)
from encoded_ensembles.codes.masks import kept_sizes
from encoded_ensembles.config.job_limits import check_jobs
from encoded_ensembles.config.smoke import smallest
from encoded_ensembles.data.own_scores import check_name
from encoded_ensembles.data.selection import check_heldout
from encoded_ensembles.storage.files import InputError, close_matches

Schema = dict[str, Any]

SHOWN = 4  # samples in figures, if figures.samples is not set
CARRIED = 100_000  # bytes of unit names on a command line; the system's limit is 131,072
OPTION = len("--exclude ''")
FEWEST_NULL_WORDS = 20  # screening estimates its errors from them


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


def check_together(config: dict[str, Any]) -> None:
    """Check keys against each other; fill in code.weight, frechet.kept, figures.samples.

    Raises:
        InputError: two keys contradict each other.
    """
    code, dataset = config["code"], config["dataset"]
    check_code(code)
    check_units(config["units"])
    check_lengths(config)
    check_retrain(config)
    check_plants(dataset)
    check_pictures(dataset)
    check_heldout(dataset)
    if config["model"]["classes"] and dataset["labels"] is not None:
        raise InputError(
            "config key model.classes is true and dataset.labels is set, expected one of the two: "
            "samples cycle through all labels, also those without training images."
        )
    listed = code["distance"] > 2  # checked in encode-units: the code takes seconds to construct
    if dataset["images"] is not None and config["units"]["by"] == "image" and not listed:
        check_capacity(
            Family(code["family"], code["members"], code["weight"]),
            units=dataset["images"]
            - sum(plant["images"] - 1 for plant in dataset["plant"] if plant["together"])
            - len(config["units"]["exclude"]),
            null_words=code["null_words"],
        )
    if config["landscape"]["mode"] == "screened" and code["null_words"] < FEWEST_NULL_WORDS:
        raise InputError(
            f"config key code.null_words is {code['null_words']}, expected at least "
            f"{FEWEST_NULL_WORDS} with landscape.mode screened, which estimates its errors from them."
        )
    kept = config["frechet"]["kept"]
    if kept and max(kept) > code["members"]:
        raise InputError(
            f"config key frechet.kept holds {max(kept)}, expected at most code.members "
            f"({code['members']})."
        )
    config["frechet"]["kept"] = kept_sizes(
        members=code["members"], weight=code["weight"], wanted=kept
    )
    for name in config["grade"]["scores"]:
        check_name(name)
    check_jobs(config)
    samples = config["sampling"]["samples"]
    if config["figures"]["samples"] is None:
        config["figures"]["samples"] = list(range(min(SHOWN, samples)))
    if max(config["figures"]["samples"]) >= samples:
        raise InputError(
            f"config key figures.samples holds {max(config['figures']['samples'])}, expected 0 to "
            f"{samples - 1} (sampling.samples is {samples})."
        )


def check_lengths(config: dict[str, Any]) -> None:
    """Check that the names of units in the configuration fit on a command line.

    Raises:
        InputError: they are too long together.
    """
    lists = {
        "units.exclude": config["units"]["exclude"],
        "retrain.named": config["retrain"]["named"],
        "landscape.sets": [
            unit for units in config["landscape"]["sets"].values() for unit in units
        ],
    }
    sizes = {
        key: sum(len(name.encode("utf-8", "replace")) + OPTION for name in names)
        for key, names in lists.items()
    }
    if sum(sizes.values()) > CARRIED:
        key = max(sizes, key=lambda name: sizes[name])
        raise InputError(
            f"config key {key} lists {len(lists[key])} units, whose names take {sizes[key]} bytes, "
            f"expected at most {CARRIED} in all lists of units, the limit of a command line; remove "
            "the images from the data, or define larger units (units.by)."
        )


def check_pictures(dataset: dict[str, Any]) -> None:
    """Check that images of many sizes have a target size, and a folder has a path.

    Raises:
        InputError: a key is not set.
    """
    needed = {"folder": ("path", "size")} | dict.fromkeys(
        ("openclipart", "celeba", "metfaces"), ("size",)
    )
    for key in needed.get(dataset["name"], ()):
        if dataset[key] is None:
            raise InputError(
                f"config key dataset.{key} is not set; dataset.name {dataset['name']} needs it."
            )


def check_retrain(config: dict[str, Any]) -> None:
    """Check the keys of `retrain` against the others.

    Raises:
        InputError: two keys contradict each other.
    """
    retrain = config["retrain"]
    if retrain["fresh"] > retrain["units"]:
        raise InputError(
            f"config key retrain.fresh is {retrain['fresh']}, expected at most retrain.units "
            f"({retrain['units']})."
        )
    if retrain["fresh"] and retrain["seed"] == config["training"]["seed"]:
        raise InputError(
            f"config key retrain.seed is {retrain['seed']}, expected a number different from "
            "training.seed."
        )


def check_code(code: dict[str, Any]) -> None:
    """Check the keys of `code` against each other; fill in code.weight.

    Raises:
        InputError: two keys contradict each other.
    """
    family, members = code["family"], code["members"]
    fixed = {"partition": 1, "leave-one-out": members - 1}.get(family)
    if code["weight"] is None:
        code["weight"] = fixed or default_weight(members)
    if fixed and code["weight"] != fixed:
        raise InputError(
            f"config key code.weight is {code['weight']}, expected {fixed} or null with "
            f"code.family {family}."
        )
    if code["weight"] >= members:
        raise InputError(
            f"config key code.weight is {code['weight']}, expected 1 to {members - 1} "
            f"(code.members is {members})."
        )
    if code["distance"] > 2 and family != "min-distance":
        raise InputError(
            f"config key code.distance is {code['distance']}, expected 2 with code.family "
            f"{family}; larger distances need code.family: min-distance."
        )
    check_null_words(family, members=members, null_words=code["null_words"])


def check_plants(dataset: dict[str, Any]) -> None:
    """Check the entries of `dataset.plant` against each other and the number of images.

    Raises:
        InputError: two keys contradict each other.
    """
    plants, images = dataset["plant"], dataset["images"]
    names = [plant["name"] for plant in plants]
    # Two plants of duplicates show different images; two of any other kind show the same.
    kinds = [plant["kind"] for plant in plants if plant["kind"] != "duplicates"]
    for key, values in {"name": names, "kind": kinds}.items():
        for value in values:
            if values.count(value) > 1:
                raise InputError(
                    f"config key dataset.plant holds {values.count(value)} plants of {key} {value}, "
                    "expected one, so that samples can be told apart."
                )
    total = sum(plant["images"] for plant in plants)
    if images is not None and total and total >= images:
        raise InputError(
            f"config key dataset.plant plants {total} images, expected fewer than dataset.images "
            f"({images})."
        )


def check_units(units: dict[str, Any]) -> None:
    """Check the keys of `units` against each other.

    Raises:
        InputError: two keys contradict each other.
    """
    if (units["by"] == "table") != (units["table"] is not None):
        raise InputError(
            f"config key units.by is {units['by']} and units.table is {units['table']}, expected "
            "both units.by: table and a file, or neither."
        )
    if units["metric"] == "pixels" and units["threshold"] > 1:
        raise InputError(
            f"config key units.threshold is {units['threshold']}, expected 0 to 1 with "
            "units.metric pixels."
        )
