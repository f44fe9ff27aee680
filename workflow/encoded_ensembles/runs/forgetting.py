"""Forgetting units: which members never saw them, and which networks to train again without them."""

import copy
from typing import Any, NamedTuple

import numpy as np

from encoded_ensembles.codes.masks import set_keep
from encoded_ensembles.data.units import find_units
from encoded_ensembles.storage.files import InputError


class Forgetting(NamedTuple):
    """A run without some units.

    Attributes:
        units: their names, ascending.
        keep: (n,) bool, the members that never saw them.
        config: configuration that trains only the other members again, without the units.
        changes: other changes of the configuration, one sentence each.
    """

    units: list[str]
    keep: np.ndarray
    config: dict[str, Any]
    changes: list[str]


def plan(config: dict[str, Any], code: dict[str, np.ndarray], units: list[str]) -> Forgetting:
    """Return the members that never saw some units, and the configuration without the units.

    Args:
        config: configuration of the run, with defaults.
        code: arrays code (U, n), unit_names (U,) and unit_of (N,).
        units: names of the units.

    Raises:
        InputError: no name is passed, a name is not a unit's, or all units are named.
    """
    numbers = find_units(code["unit_names"], units)
    names = code["unit_names"][numbers].tolist()
    left = len(code["unit_names"]) - len(names)
    if not left:
        raise InputError(
            f"all {len(names)} units are named, expected one left to train on; delete the run instead."
        )
    without = copy.deepcopy(config)
    without["smoke"] = False  # the run is the reduced one; records of earlier versions kept the key
    without["units"]["exclude"] = sorted({*config["units"]["exclude"], *names})
    changes = [
        *_leave_out_of_sets(without, names),
        *_leave_out_of_retraining(without, names, left),
        *_leave_out_arrays(without),
        *_fit(without, code, numbers, left),
    ]
    return Forgetting(names, set_keep(code["code"][numbers]), without, changes)


def _fit(
    config: dict[str, Any], code: dict[str, np.ndarray], numbers: np.ndarray, left: int
) -> list[str]:
    """Limit blocks and steps to the numbers of units and images, and return the changes.

    Args:
        config: configuration to change.
        code: as in `plan`.
        numbers: numbers of the units that are left out.
        left: number of the other units.
    """
    changes, landscape, training = [], config["landscape"], config["training"]
    if landscape["blocks"] > left:
        landscape["blocks"] = left
        changes.append(f"landscape.blocks is {left}, the number of units left.")
    stay = ~np.isin(code["unit_of"], numbers)
    smallest = int(code["code"][code["unit_of"][stay]].sum(axis=0).min())
    if not smallest:
        changes.append(
            "a member has no image to train on; lower code.members, with which all are trained again."
        )
    elif training["steps_per_epoch"] > smallest:
        training["steps_per_epoch"] = smallest
        changes.append(
            f"training.steps_per_epoch is {smallest}, the images in the smallest split; with it all "
            "members are trained again."
        )
    return changes


def _leave_out_of_sets(config: dict[str, Any], names: list[str]) -> list[str]:
    """Remove units from `landscape.sets`, and return the changes."""
    changes, sets = [], {}
    for name, members in config["landscape"]["sets"].items():
        remaining = [unit for unit in members if unit not in names]
        if remaining:
            sets[name] = remaining
        if len(remaining) < len(members):
            changes.append(
                f"landscape.sets.{name} is without {len(members) - len(remaining)} of its {len(members)} "
                f"units{'' if remaining else ', and dropped'}."
            )
    config["landscape"]["sets"] = sets
    return changes


def _leave_out_arrays(config: dict[str, Any]) -> list[str]:
    """Remove own scores that are arrays with a row for each unit of before, and return the changes."""
    scores = config["grade"]["scores"]
    arrays = [name for name, file in scores.items() if file.lower().endswith(".npy")]
    return [
        f"grade.scores.{name} is dropped: {scores.pop(name)} has a row for each unit of before; a table "
        "with unit_name could stay."
        for name in arrays
    ]


def _leave_out_of_retraining(config: dict[str, Any], names: list[str], left: int) -> list[str]:
    """Remove units from `retrain`, and return the changes.

    Args:
        config: configuration to change.
        names: names of the units.
        left: number of the other units.
    """
    retrain, before = config["retrain"], copy.deepcopy(config["retrain"])
    retrain["named"] = [unit for unit in before["named"] if unit not in names]
    retrain["units"] = min(before["units"], left - len(retrain["named"]))
    retrain["fresh"] = min(before["fresh"], retrain["units"])
    gone = len(before["named"]) - len(retrain["named"])
    return [
        *(
            [f"retrain.named is without {gone} of its {len(before['named'])} units."]
            if gone
            else []
        ),
        *(
            f"retrain.{key} is {retrain[key]} in place of {before[key]}."
            for key in ("units", "fresh")
            if retrain[key] != before[key]
        ),
    ]
