"""encens check-names: the configuration's names and numbers of units against the units that exist."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from encoded_ensembles.commands.options.figures import Attributed
from encoded_ensembles.commands.options.files import Code, NullWords
from encoded_ensembles.commands.options.units import Excluded

if TYPE_CHECKING:
    import numpy as np


def check_names(
    code: Code,
    output: Annotated[Path, Option(help="output, .json: units, and images in the smallest split")],
    unit_set: Annotated[
        list[str] | None, Option(help="SET=UNIT, a unit of landscape.sets; repeatable")
    ] = None,
    named: Annotated[list[str] | None, Option(help="unit of retrain.named; repeatable")] = None,
    retrained: Annotated[int, Option(help="retrain.units, number of other units")] = 0,
    foreign: Annotated[
        list[str] | None, Option(help="NAME=FILE of grade.scores; repeatable")
    ] = None,
    excluded: Excluded = None,
    samples: Annotated[int, Option(help="sampling.samples, expected of foreign scores")] = 0,
    blocks: Annotated[int, Option(help="landscape.blocks, which share the units")] = 1,
    steps_per_epoch: Annotated[int, Option(help="training.steps_per_epoch")] = 1,
    null_words: NullWords = 1_000_000,
    attributed: Attributed = 0.05,
) -> None:
    """Check the configuration against the units, before anything is trained.

    output: units, smallest_split (images), lone_q (smallest q-value that a single unit can reach), lone_rank (the last rank
    of likeness at which it can be attributed), and
    warnings, which Snakemake prints.
    """
    from encoded_ensembles.codes.assignment import count_free
    from encoded_ensembles.codes.families import family_of
    from encoded_ensembles.data.own_scores import read_foreign
    from encoded_ensembles.influence.resolution import (
        balance_warning,
        lone_q,
        lone_rank,
        resolution_warning,
    )
    from encoded_ensembles.storage.files import InputError, read_arrays, write_facts

    arrays = read_arrays(code)
    names, matrix = arrays["unit_names"], arrays["code"]
    sets: dict[str, list[str]] = {}
    for text in unit_set or []:
        name, _, unit = text.partition("=")
        sets.setdefault(name, []).append(unit)
    for name, members in sets.items():
        _check_set(f"landscape.sets.{name}", members, names, matrix)
    if named:
        _find("retrain.named", named, names)
    others = len(names) - len(named or [])
    if retrained > others:
        raise InputError(
            f"config key retrain.units is {retrained}, expected at most {others}, the number of "
            "units that are not in retrain.named."
        )
    if blocks > len(names):
        raise InputError(
            f"config key landscape.blocks is {blocks}, expected at most {len(names)}, the number of "
            "units: jobs without a unit do nothing."
        )
    images = matrix[arrays["unit_of"]].sum(axis=0)
    smallest = int(images.argmin())
    if steps_per_epoch > images[smallest]:
        raise InputError(
            f"config key training.steps_per_epoch is {steps_per_epoch}, expected at most "
            f"{images[smallest]}, the images in the split of member {smallest:02d}: most batches "
            "would be empty; lower it, and raise training.epochs for as many steps."
        )
    read_foreign(foreign or [], names=names, samples=samples, excluded=excluded or [])
    family = family_of(arrays)
    words = count_free(len(names), family=family, limit=null_words)
    warning = resolution_warning(
        len(names), words, members=matrix.shape[1], limit=null_words, level=attributed
    )
    write_facts(
        output,
        {
            "units": len(names),
            "smallest_split": int(images[smallest]),
            "lone_q": lone_q(len(names), words),
            "lone_rank": lone_rank(len(names), words, level=attributed),
            "warnings": [each for each in (warning, balance_warning(family.name)) if each],
        },
    )


def _find(key: str, wanted: list[str], names: "np.ndarray") -> "np.ndarray":
    """Return the numbers of units that a key of the configuration names.

    Raises:
        InputError: a unit does not exist; the message names the key.
    """
    from encoded_ensembles.data.units import find_units
    from encoded_ensembles.storage.files import InputError

    try:
        return find_units(names, wanted)
    except InputError as error:
        raise InputError(f"config key {key}: {error}") from error


def _check_set(key: str, units: list[str], names: "np.ndarray", matrix: "np.ndarray") -> None:
    """Check that the units of a set exist, and that a member saw none of them.

    Raises:
        InputError: a unit does not exist, or every member saw one.
    """
    from encoded_ensembles.codes.masks import set_keep
    from encoded_ensembles.storage.files import InputError

    if not set_keep(matrix[_find(key, units, names)]).any():
        raise InputError(
            f"config key {key}: every one of the {matrix.shape[1]} members sees one of these units, "
            "expected a member that sees none; leave some out, or raise code.members."
        )
