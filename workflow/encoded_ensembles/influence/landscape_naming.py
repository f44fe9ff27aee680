"""Which units can be named from a landscape and its code words, without the members."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from encoded_ensembles.codes.assignment import free_words
from encoded_ensembles.codes.families import family_of
from encoded_ensembles.data.images import to_rows
from encoded_ensembles.data.likeness import nearest_units
from encoded_ensembles.influence.member_effects import fit_members, landscape_pulls
from encoded_ensembles.influence.naming import columns_and_answers, test_contrasts
from encoded_ensembles.influence.tables import pair_table

WORDS = 1_000_000  # null code words, at most


def name_units(
    moved: np.ndarray,
    factual: np.ndarray,
    images: np.ndarray,
    code: Mapping[str, np.ndarray],
    *,
    level: float,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the table of contrasts and the table of answers.

    Args:
        moved: (U, B, C, H, W), the landscape.
        factual: (B, C, H, W).
        images: (N, H, W, C) uint8, training images like the samples.
        code: code (U, n), unit_of (N,), unit_names (U,), family and distance.
        level: largest q of an attributed unit.

    Returns:
        sample, unit, unit_name, contrast with _z, _p, _q, _q_plain and _rank, weight, attributed; and
        sample, answer, units, rate, names, explained (share of the landscape's variance).
    """
    matrix, unit_of, names = code["code"], code["unit_of"], code["unit_names"]
    flat = to_rows(images).astype(np.float64)
    pulls, explained = [], []
    for sample in range(len(factual)):
        fit = fit_members(moved[:, sample].reshape(len(matrix), -1).astype(np.float64), matrix)
        explained.append(fit.explained)
        pulls.append(landscape_pulls(fit, factual[sample].ravel(), flat, unit_of))
    words = free_words(matrix, family=family_of(code), limit=WORDS)
    order = nearest_units(factual, images, unit_of)
    tests = {"contrast": test_contrasts(np.stack(pulls), matrix, words)}
    no_sets = pd.DataFrame(columns=["sample", "units", "p_value"])
    columns, said = columns_and_answers(tests, order, names, no_sets, level=level)
    return pair_table(names, columns), said.assign(explained=explained)
