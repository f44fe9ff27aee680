"""The truth that grades methods: from retraining, held-out models and plants."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from encoded_ensembles.data.images import to_bytes
from encoded_ensembles.influence.ablation import distances
from encoded_ensembles.influence.naming import STATISTICS

LEVEL = 0.05  # false discovery rate at which statistics attribute planted units


def retraining_distances(
    drawn: dict[str, np.ndarray], factual: np.ndarray
) -> dict[str, np.ndarray]:
    """Return how far samples moved in retraining: (K, B) for each arm."""
    return {arm: distances(factual, samples) for arm, samples in drawn.items() if arm != "units"}


def truth_table(chosen: pd.DataFrame, moved: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return one row per (sample, retrained unit); NaN if an arm lacks the unit."""
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
    """Return the distances in features of held-out models' samples from the factual ones, (M, B)."""
    target = features(to_bytes(factual))
    return np.stack(
        [
            np.mean(
                [np.linalg.norm(features(to_bytes(samples)) - target, axis=1) for samples in drawn],
                0,
            )
            for drawn in held["samples"]
        ]
    )


def planted_units(table: pd.DataFrame) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return for each plant whether each sample bears it (B,), and its units (k,)."""
    units_of = {}
    for plant, rows in table.sort_values("sample").groupby("plant"):
        units = [int(number) for number in str(rows["units"].iloc[0]).split(";") if number]
        if units:
            units_of[str(plant)] = (rows["bears"].to_numpy(bool), np.array(units))
    return units_of


def attributed_units(table: pd.DataFrame, *, shape: tuple[int, int]) -> dict[str, np.ndarray]:
    """Return the units that each statistic attributes at a false discovery rate of 5 %, (U, B) bool."""
    names = [each.removesuffix("_q") for each in table.columns if each.endswith("_q")]
    return {
        f"{name} z" if name in STATISTICS else f"ablation {name}": (
            table[f"{name}_q"].to_numpy().reshape(shape[::-1]).T <= LEVEL
        )
        for name in names
    }
