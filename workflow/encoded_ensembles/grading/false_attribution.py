"""False attribution: whether a sample's nearest unit stays nearest when that unit is ablated.

If the counterfactual without a sample's nearest unit is still nearest to that unit, attributing the
sample to the unit was false: the unit cannot be the cause.

Source: Dai & Gifford, arXiv 2406.07908, and data/false_attribution.csv of
zheng-dai/counterfactualuniverses at 562effa8. There it is compared with the ablation of one random
unit; here with that of every other unit, which gives the mean over that draw.
"""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


def unchanged(attributed: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return whether attributions stay when the attributed unit is ablated, and when others are.

    Args:
        attributed: (B,) int64, the unit nearest to each sample.
        after: (U, B) int64, the unit nearest to each counterfactual.

    Returns:
        (B,) bool, and (B,) share of the other units whose ablation leaves the attribution unchanged.
    """
    units, samples = after.shape
    same = after == attributed
    stays = same[attributed, np.arange(samples)]
    return stays, (same.sum(axis=0) - stays) / max(1, units - 1)


def count_p_value(unit: np.ndarray, stays: np.ndarray, other: np.ndarray) -> float:
    """Return the p-value of how many attributions stay, were the attributed units like all others.

    Samples of one unit share its code word: all of them stay together, with their mean probability, or none
    does. So p is that of an exact binomial test of as many trials as there are units.

    Args:
        unit: (B,) int64, the unit attributed to each sample.
        stays: (B,) bool.
        other: (B,) share of the other units whose ablation leaves the attribution unchanged.

    Returns:
        two-sided, over the counts that are no likelier than this one.
    """
    likely = np.ones(1)  # of each count of samples
    for each in np.unique(unit):
        chosen = unit == each
        step = np.zeros(chosen.sum() + 1)
        step[-1] = other[chosen].mean()
        step[0] = 1 - step[-1]
        likely = np.convolve(likely, step)
    reached = likely[int(stays.sum())]
    return float(min(1.0, likely[likely <= reached * (1 + 1e-7)].sum()))  # ties as in binomtest


def attribution_table(
    metric: str, attributed: np.ndarray, after: np.ndarray, names: np.ndarray
) -> "pd.DataFrame":
    """Return metric, sample, unit, unit_name, unchanged and unchanged_other, a row for each sample.

    Args:
        metric: name of the distance that defines nearest.
        attributed: (B,) int64, the unit nearest to each sample.
        after: (U, B) int64, the unit nearest to each counterfactual.
        names: (U,) names of the units.
    """
    import pandas as pd

    stays, other = unchanged(attributed, after)
    return pd.DataFrame(
        {
            "metric": metric,
            "sample": np.arange(len(attributed)),
            "unit": attributed,
            "unit_name": names[attributed],
            "unchanged": stays,
            "unchanged_other": other,
        }
    )
