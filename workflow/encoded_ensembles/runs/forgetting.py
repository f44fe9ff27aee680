"""Forgetting units: who never saw them, and what has to be trained again to be without them."""

import copy
from typing import Any, NamedTuple

import numpy as np

from encoded_ensembles.codes.masks import set_keep
from encoded_ensembles.data.units import find_units
from encoded_ensembles.storage.files import InputError


class Forgetting(NamedTuple):
    """What it takes to be without some units.

    Attributes:
        units: names, ascending.
        keep: (n,) bool, the members that never saw them.
        config: under which the others, and no more, are trained again without them.
        changes: what else the configuration no longer says, a sentence each.
    """

    units: list[str]
    keep: np.ndarray
    config: dict[str, Any]
    changes: list[str]


def plan(config: dict[str, Any], code: dict[str, np.ndarray], units: list[str]) -> Forgetting:
    """Return who never saw some units, and the configuration of the run without them.

    Args:
        config: of the run, with defaults.
        code: arrays code (U, n), unit_names (U,) and unit_of (N,).
        units: names.

    Raises:
        InputError: there is no name, one is no unit's, or all units are named.
    """
    numbers = find_units(code["unit_names"], units)
    names = code["unit_names"][numbers].tolist()
    left = len(code["unit_names"]) - len(names)
    if not left:
        raise InputError(
            f"all {len(names)} units are named, expected one left to train on; delete the run instead."
        )
    without = copy.deepcopy(config)
    without["units"]["exclude"] = sorted({*config["units"]["exclude"], *names})
    changes = [
        *_leave_out_of_sets(without, names),
        *_leave_out_of_retraining(without, names, left),
        *_fit(without, code, numbers, left),
    ]
    return Forgetting(names, set_keep(code["code"][numbers]), without, changes)


def _fit(
    config: dict[str, Any], code: dict[str, np.ndarray], numbers: np.ndarray, left: int
) -> list[str]:
    """Let blocks and steps be no more than there are units and images, and return what was changed.

    Args:
        config: to change.
        code: as of `plan`.
        numbers: of the units that are left out.
        left: number of the others.
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
    """Leave units out of `landscape.sets`, and return what was changed."""
    changes, sets = [], {}
    for name, members in config["landscape"]["sets"].items():
        left = [unit for unit in members if unit not in names]
        if left:
            sets[name] = left
        if len(left) < len(members):
            changes.append(
                f"landscape.sets.{name} is without {len(members) - len(left)} of its {len(members)} "
                f"units{'' if left else ', and dropped'}."
            )
    config["landscape"]["sets"] = sets
    return changes


def _leave_out_of_retraining(config: dict[str, Any], names: list[str], left: int) -> list[str]:
    """Leave units out of `retrain`, and return what was changed.

    Args:
        config: to change.
        names: of the units.
        left: number of the others.
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
