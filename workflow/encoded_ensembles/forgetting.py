"""Forgetting units: who never saw them, and what has to be trained again to be without them."""

import copy
from typing import Any, NamedTuple

import numpy as np

from encoded_ensembles.keep import set_keep
from encoded_ensembles.units import find_units


class Forgetting(NamedTuple):
    """What it takes to be without some units."""

    units: list[str]  # names, ascending
    keep: np.ndarray  # (n,) bool: the members that never saw them
    config: dict[str, Any]  # under which the others, and no more, are trained again without them


def plan(config: dict[str, Any], code: dict[str, np.ndarray], units: list[str]) -> Forgetting:
    """Return who never saw some units, and the configuration of the run without them.

    Args:
        config: of the run, with defaults.
        code: arrays code (U, n) and unit_names (U,).
        units: names.

    Raises:
        InputError: a name is no unit's.
    """
    numbers = find_units(code["unit_names"], units)
    names = code["unit_names"][numbers].tolist()
    without = copy.deepcopy(config)
    without["units"]["exclude"] = sorted({*config["units"]["exclude"], *names})
    sets = {
        name: [unit for unit in members if unit not in names]
        for name, members in config["landscape"]["sets"].items()
    }
    without["landscape"]["sets"] = {name: members for name, members in sets.items() if members}
    return Forgetting(names, set_keep(code["code"][numbers]), without)
