"""Member effects from a landscape alone: attribution without the members.

A landscape holds, for each unit, the sample without the members in its code word. If these effects add up,
a least-squares fit of the counterfactuals on the words gives the effect of each member. A unit's contrast
is then tested as along a trajectory: do the members that saw the unit move the sample towards it more than
others? The unit's own counterfactual is left out of the fit, so that its own word enters the test alone.
"""

from typing import NamedTuple

import numpy as np

from encoded_ensembles.influence.contrast import directions
from encoded_ensembles.storage.files import InputError

ALONE = 1e-8  # a row that leaves less than this share to itself cannot be left out of the fit


class Fit(NamedTuple):
    """The fit of one sample's counterfactuals.

    Attributes:
        effects: (n, F), what each member adds to the sample, up to a constant.
        residuals: (U, F), of the counterfactuals.
        leverage: (U, n), change of effects per residual when a unit's row is left out.
        explained: share of the variance of counterfactuals that the words explain.
    """

    effects: np.ndarray
    residuals: np.ndarray
    leverage: np.ndarray
    explained: float


def solve_words(words: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return centred words (U, n), their pseudo-inverse (n, U), and each row's share outside its own fit (U,).

    Args:
        words: (U, n) bool, the members dropped in each counterfactual.

    Raises:
        InputError: a unit's row alone fixes a part of the effects, so that it cannot be left out.
    """
    bits = words - words.mean(axis=0)
    solver = np.linalg.pinv(bits)  # of least norm: words of one weight do not fix the sum
    rest = 1 - np.einsum("un,nu->u", bits, solver) - 1 / len(words)
    if (rest < ALONE).any():
        units, members = words.shape
        raise InputError(
            f"{units} code words of {members} members were found, and without the words of "
            f"{int((rest < ALONE).sum())} of these units (the first in row {int(np.argmax(rest < ALONE)) + 1}) the "
            "effects of members cannot be fitted, expected that any unit can be left out; use a landscape "
            "of more units, or leave out --words."
        )
    return bits, solver, rest


def fit_members(moved: np.ndarray, words: np.ndarray) -> Fit:
    """Fit the effects of members on one sample.

    Args:
        moved: (U, F) float, counterfactuals.
        words: (U, n) bool, the members dropped in each.

    Raises:
        InputError: a unit's row cannot be left out.
    """
    bits, solver, rest = solve_words(words)
    centre = moved.mean(axis=0, dtype=np.float64)
    dropped = solver @ (moved - centre)
    residuals = moved - centre - bits @ dropped
    total = np.square(moved - centre).sum()
    explained = 1 - np.square(residuals).sum() / total if total else 0.0
    return Fit(-dropped, residuals, solver.T / rest[:, None], float(explained))


def landscape_pulls(
    fit: Fit, factual: np.ndarray, images: np.ndarray, unit_of: np.ndarray
) -> np.ndarray:
    """Return how far each member pulls a sample towards each unit, without the unit's own row.

    Args:
        fit: of the sample.
        factual: (F,).
        images: (N, F), in the space of the sample.
        unit_of: (N,) int64.

    Returns:
        (U, n) float64, in units of their root mean square; each row adds up to zero.
    """
    direction = directions(factual.astype(np.float64), images, unit_of)
    pull = direction @ fit.effects.T
    # Without the row of unit u, the effects of dropping change by -leverage[u] times its residual.
    pull += fit.leverage * np.einsum("uf,uf->u", direction, fit.residuals)[:, None]
    pull -= pull.mean(axis=1, keepdims=True)
    return pull / (np.sqrt(np.square(pull).mean()) or 1.0)
