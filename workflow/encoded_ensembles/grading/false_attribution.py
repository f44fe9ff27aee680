"""False attribution: does the unit that a sample is nearest to stay nearest when it is ablated?

A sample attributed to its nearest training unit, whose counterfactual without that unit still lies
nearest to it, was attributed falsely: the unit cannot have been the reason.

Source: Dai & Gifford, arXiv 2406.07908, and data/false_attribution.csv of
zheng-dai/counterfactualuniverses at 562effa8. There the ablation it is compared with is of one random
unit; here it is of every other unit, which gives the mean of that draw.
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
        (B,) bool, and (B,) share of the other units whose ablation leaves the attribution as it is.
    """
    units, samples = after.shape
    same = after == attributed
    own = same[attributed, np.arange(samples)]
    return own, (same.sum(axis=0) - own) / max(1, units - 1)


def attribution_table(
    metric: str, attributed: np.ndarray, after: np.ndarray, names: np.ndarray
) -> "pd.DataFrame":
    """Return metric, sample, unit, unit_name, unchanged and unchanged_other, a row for each sample.

    Args:
        metric: what nearness is measured by.
        attributed: (B,) int64, the unit nearest to each sample.
        after: (U, B) int64, the unit nearest to each counterfactual.
        names: (U,) names of the units.
    """
    import pandas as pd

    own, other = unchanged(attributed, after)
    return pd.DataFrame(
        {
            "metric": metric,
            "sample": np.arange(len(attributed)),
            "unit": attributed,
            "unit_name": names[attributed],
            "unchanged": own,
            "unchanged_other": other,
        }
    )
