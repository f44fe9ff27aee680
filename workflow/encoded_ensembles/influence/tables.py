"""The tables of influence: one row per (sample, unit), per null code word, and per sample."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

from encoded_ensembles.influence.ablation import aliasing, published_scale, radius, ranks
from encoded_ensembles.storage.files import InputError, read_table


def pair_table(names: np.ndarray, values: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Return one row per (sample, unit), in the order of samples, from values (U, B) by column name."""
    units, count = next(iter(values.values())).shape
    unit = np.tile(np.arange(units), count)
    keys = {"sample": np.repeat(np.arange(count), units), "unit": unit, "unit_name": names[unit]}
    return pd.DataFrame(keys | {name: value.T.ravel() for name, value in values.items()})


def influence_table(
    statistics: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]],
    names: np.ndarray,
    contrast: Path,
    shape: tuple[int, int, int],
    exact: np.ndarray,
) -> pd.DataFrame:
    """Return the table of all statistics from value, p and z (each (U, B)), with those of contrast.

    `exact` (U, B) is true for measured distances, false for predicted ones.

    Raises:
        InputError: the table of contrast has other units or samples.
    """
    columns = {}
    for name, (value, p, z) in statistics.items():
        q, rank = false_discovery_control(p, axis=0), ranks(np.where(np.isnan(z), value, z))
        for suffix, values in {"": value, "_z": z, "_p": p, "_q": q, "_rank": rank}.items():
            columns[f"{name}{suffix}"] = values
    tested = read_table(contrast)
    pairs = pair_table(names, columns)
    table = pairs.merge(tested, on=["sample", "unit", "unit_name"])
    if len(table) != len(tested) or len(table) != len(pairs):
        raise InputError(
            f"{contrast} has {len(tested)} pairs of sample and unit, of which {len(table)} are among "
            f"the {len(pairs)} of the landscape; expected the same. Measure it again with this code."
        )
    published = published_scale(table["distance"].to_numpy(), shape=shape)
    table.insert(len(table.columns) - 1, "distance_published", published)
    table.insert(len(table.columns) - 1, "exact", exact.T.ravel())
    return table


def null_table(nulls: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return the statistics (R, B) of null code words, one row per (sample, word)."""
    words, count = nulls["distance"].shape
    pairs = {
        "sample": np.repeat(np.arange(count), words),
        "word": np.tile(np.arange(words), count),
    }
    return pd.DataFrame(pairs | {name: each.T.ravel() for name, each in nulls.items()})


def aliasing_table(displacements: Iterable[np.ndarray], code: np.ndarray) -> pd.DataFrame:
    """Return `ablation.aliasing` of each sample's displacements (U, ...) under words (U, n) as a table."""
    flat = (each.reshape(len(each), -1) for each in displacements)
    columns = ["hamming", "pairs", "low", "mean", "high"]
    return pd.DataFrame(aliasing(flat, code), columns=columns).astype(
        {"hamming": int, "pairs": int}
    )


def radius_table(
    distance: np.ndarray, null: np.ndarray, shape: tuple[int, int, int]
) -> pd.DataFrame:
    """Return the counterfactual radius of each sample from distances (U, B) and null ones (R, B)."""
    largest = radius(distance)
    return pd.DataFrame(
        {
            "sample": np.arange(len(largest)),
            "radius": largest,
            "radius_published": published_scale(largest, shape=shape),
            "unit": distance.argmax(axis=0),
            "null_radius": radius(null) if len(null) else np.nan,
            "units": len(distance),
            "null_words": len(null),
        }
    )
