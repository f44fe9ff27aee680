"""Tests of contrasts against null code words: of single units, and of sets of near units."""

import numpy as np
import pandas as pd

from encoded_ensembles.influence.calibration import p_and_z, set_p_values
from encoded_ensembles.influence.contrast import null_contrasts, own_contrasts

HELD = 10_000_000  # null contrasts in memory at once
SIZES = (1, 3, 10, 30)  # sizes of the sets of nearest units that are tested together
DRAWS = 999


def test_units(
    pull: np.ndarray, matrix: np.ndarray, words: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Test each unit's contrast against those of null code words, a few units at a time.

    Args:
        pull: (B, U, n).
        matrix: (U, n) bool.
        words: (R, n) bool, null code words.

    Returns:
        contrast, p and z, (U, B) each.
    """
    value = own_contrasts(pull, matrix)
    p, z = np.empty(value.shape), np.empty(value.shape)
    step = max(1, HELD // (value.shape[1] * max(1, len(words))))
    for start in range(0, len(value), step):
        part = slice(start, start + step)
        p[part], z[part] = p_and_z(value[part], null_contrasts(pull[:, part], words))
    return value, p, z


def test_sets(
    pull: np.ndarray, value: np.ndarray, words: np.ndarray, order: np.ndarray
) -> pd.DataFrame:
    """Test the first k units of each sample's order together, for several k.

    Args:
        pull: (B, U, n).
        value: (U, B), the units' contrasts.
        words: (R, n) bool, null code words.
        order: (B, U), units of each sample in order.

    Returns:
        columns sample, units, contrast, p_value, p_null.
    """
    rows = []
    for size in SIZES:
        if size > len(value) or 2 * size > len(words):
            continue
        chosen = order[:, :size]
        pulled = np.take_along_axis(pull, chosen[..., None], axis=1)
        contrasts = np.take_along_axis(value.T, chosen, axis=1)
        null = null_contrasts(pulled, words).transpose(1, 0, 2)
        # The same units under the first null words: a test without any effect to find.
        null_contrast = null[:, np.arange(size), np.arange(size)]
        part = pd.DataFrame(
            {
                "sample": np.arange(len(order)),
                "units": size,
                "contrast": contrasts.mean(axis=1),
                "p_value": set_p_values(contrasts, null, draws=DRAWS, seed=0),
                "p_null": set_p_values(null_contrast, null[..., size:], draws=DRAWS, seed=0),
            }
        )
        rows.append(part)
    columns = ["sample", "units", "contrast", "p_value", "p_null"]
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=columns)
