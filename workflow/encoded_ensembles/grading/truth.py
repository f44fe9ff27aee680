"""The truth that methods are graded by: what retraining, held-out models and plants show."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from encoded_ensembles.data.images import to_bytes
from encoded_ensembles.influence.ablation import distances

LEVEL = 0.05  # false discovery rate at which statistics attribute planted units


def retraining_distances(
    drawn: dict[str, np.ndarray], factual: np.ndarray
) -> dict[str, np.ndarray]:
    """Return how far samples moved in retraining: (K, B) for each arm."""
    return {arm: distances(factual, each) for arm, each in drawn.items() if arm != "units"}


def truth_table(chosen: pd.DataFrame, moved: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return one row per (sample, retrained unit); empty where an arm has no such unit."""
    controls, samples = moved["same"].shape
    row = np.tile(np.arange(controls), samples)
    table = {"sample": np.repeat(np.arange(samples), controls)}
    table |= {name: chosen[name].to_numpy()[row] for name in ("unit", "unit_name", "chosen")}
    for arm in ("same", "fresh", "seed"):
        whole = np.full((controls, samples), np.nan)
        if arm in moved:
            whole[: len(moved[arm])] = moved[arm]
        table[arm] = whole.T.ravel()
    return pd.DataFrame(table)


def sample_distances(
    held: dict[str, np.ndarray],
    factual: np.ndarray,
    features: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Return how far in features each held-out model's samples are from the factual ones: (M, B)."""
    target = features(to_bytes(factual))
    return np.stack(
        [
            np.mean(
                [np.linalg.norm(features(to_bytes(each)) - target, axis=1) for each in drawn], 0
            )
            for drawn in held["samples"]
        ]
    )


def planted_units(table: pd.DataFrame) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return for each plant whether each sample bears it, and its units."""
    found = {}
    for plant, rows in table.sort_values("sample").groupby("plant"):
        units = [int(number) for number in str(rows["units"].iloc[0]).split(";") if number]
        if units:
            found[str(plant)] = (rows["bears"].to_numpy(bool), np.array(units))
    return found


def attributed_units(table: pd.DataFrame, *, shape: tuple[int, int]) -> dict[str, np.ndarray]:
    """Return which units each statistic attributes at a false discovery rate of 5 %: (U, B) bool."""
    names = [each.removesuffix("_q") for each in table.columns if each.endswith("_q")]
    return {
        "contrast z" if name == "contrast" else f"ablation {name}": (
            table[f"{name}_q"].to_numpy().reshape(shape[::-1]).T <= LEVEL
        )
        for name in names
    }
