"""Given pictures: the units that training on changes what members make of a picture.

That a unit is attributed does not say that the picture was made from it: held-out pictures have
significant units too. So each effect is compared with the largest effects on held-out pictures, which
were made from no unit. A picture is close to a unit if the unit is attributed and its effect exceeds what
held-out pictures show.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from encoded_ensembles.influence import naming
from encoded_ensembles.influence.calibration import p_and_z
from encoded_ensembles.influence.contrast import own_contrasts
from encoded_ensembles.influence.observer import Observed
from encoded_ensembles.influence.tables import pair_table


def share_reached(effect: np.ndarray, largest: np.ndarray) -> np.ndarray:
    """Return the share of held-out pictures whose largest effect reaches an effect.

    Args:
        effect: (U, B) or (B,).
        largest: (H,), the largest effect on each held-out picture.

    Returns:
        (1 + #{largest >= effect}) / (1 + H), shaped like `effect`; 1 without held-out pictures.
    """
    return p_and_z(effect, np.broadcast_to(largest, (effect.shape[-1], len(largest))))[0]


def closeness(close: int, *, heldout: int, level: float) -> str:
    """Return in words to how many units a picture is close, and whether it could be close to any.

    Args:
        close: number of close units.
        heldout: number of held-out pictures compared with.
        level: largest share of them whose effect may reach that of a close unit.
    """
    fewest = math.ceil(1 / level) - 1
    if heldout < fewest:
        return f"close to none: that takes {fewest} held-out images, and this run has {heldout}"
    return f"close to {close}" if close else "close to none"


def query_tables(
    observed: Observed,
    code: Mapping[str, np.ndarray],
    words: np.ndarray,
    *,
    level: float,
    reference: np.ndarray,
    learnt: bool = False,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the table of pairs of B pictures and U units, and the table of answers.

    Args:
        observed: what members make of the pictures, with `moved`.
        code: arrays of code.npz.
        words: (R, n) bool, null code words.
        level: largest q of an attributed unit.
        reference: (B,) bool, the held-out pictures, each of which is compared with the others; or (H,) float,
            the largest effect on each.
        learnt: whether weights are learnt (`naming.pair_columns`).
    """
    matrix, names = code["code"], code["unit_names"]
    assert observed.moved is not None
    effect = own_contrasts(observed.moved, matrix)
    largest = effect.max(axis=0)[reference] if reference.dtype == bool else reference
    tests = naming.test_units(observed, matrix, words)
    sets = naming.test_sets(observed, matrix, words)
    columns, said = naming.columns_and_answers(
        tests, observed.order, names, sets, level=level, learnt=learnt
    )
    share = share_reached(effect, largest)
    if reference.dtype == bool:  # a held-out picture is compared with the others
        count = len(largest)
        reached = np.rint(share[:, reference] * (1 + count)) - 1  # itself among them, one more
        share[:, reference] = reached / count
    columns |= {"effect": effect, "heldout_share": share}
    columns["close"] = close = columns["attributed"] & (share <= level)
    said["close"] = close.sum(axis=0)
    return pair_table(names, columns), said


def names_itself(pairs: pd.DataFrame, own: Mapping[int, int]) -> np.ndarray:
    """Return for each picture whether its own unit is attributed, (B,) bool.

    Args:
        pairs: of `query_tables`.
        own: the unit of each training image, by number of the picture; other pictures have none.
    """
    attributed = pairs.set_index(["sample", "unit"])["attributed"]
    found = np.zeros(pairs["sample"].nunique(), bool)
    found[list(own)] = attributed.loc[list(own.items())]
    return found


def control_facts(answers: pd.DataFrame) -> dict[str, Any]:
    """Return what is found on pictures of each kind, and how many training images name themselves.

    Args:
        answers: of `query_tables`, with the columns kind and own.
    """
    facts: dict[str, Any] = {}
    for kind, part in answers.groupby("kind", sort=False):
        counts = part["answer"].value_counts()
        facts[str(kind)] = {"pictures": len(part), "close": int((part["close"] > 0).sum())} | {
            name: int(counts.get(name, 0)) for name in ("units", "group", "nothing")
        }
        if kind == "training":
            facts["training"]["themselves"] = int(part["own"].sum())
    return facts
