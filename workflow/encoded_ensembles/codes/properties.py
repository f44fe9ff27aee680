"""Properties of a code, measured on its words alone."""

from typing import Any

import numpy as np

from encoded_ensembles.codes.words import hamming, pack

EXACT_UNITS = 4096  # up to this number, Hamming distances of all pairs; else of a random subset
SETS = 10_000  # random sets of units for each size
LARGEST_SET = 6
FEW_UNITS = 64  # up to this number, sets are drawn by shuffling; else with repeats rejected


def hamming_histogram(code: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Count the pairs of units at each Hamming distance.

    Args:
        code: (U, n) bool. Beyond 4096 units, a random 4096 of them are compared.
        seed: of the subset.

    Returns:
        (n + 1,) int64: pairs at distance 0..n.
    """
    if len(code) > EXACT_UNITS:
        rng = np.random.default_rng(seed)
        code = code[np.sort(rng.choice(len(code), EXACT_UNITS, replace=False))]
    pairs = hamming(code)[np.triu_indices(len(code), k=1)]
    return np.bincount(pairs, minlength=code.shape[1] + 1)


def members_left(code: np.ndarray, *, seed: int = 0) -> list[dict[str, float]]:
    """Measure how many members remain when k units are ablated at once, k = 1..6.

    Args:
        code: (U, n) bool.
        seed: of 10,000 random sets of k units (fewer if sets with repeated units are rejected).

    Returns:
        for each k: units (k), probability (that a member remains), members (mean number remaining).
    """
    rng = np.random.default_rng(seed)
    units = len(code)
    rows = []
    for size in range(1, min(LARGEST_SET, units) + 1):
        if units <= FEW_UNITS:
            chosen = rng.permuted(np.tile(np.arange(units), (SETS, 1)), axis=1)[:, :size]
        else:
            chosen = rng.integers(0, units, (SETS, size))
            chosen = chosen[(np.diff(np.sort(chosen, axis=1), axis=1) > 0).all(axis=1)]
        left = (~code[chosen].any(axis=1)).sum(axis=1)
        rows.append(
            {"units": size, "probability": float((left > 0).mean()), "members": float(left.mean())}
        )
    return rows


def properties(code: np.ndarray, null_words: np.ndarray) -> dict[str, Any]:
    """Measure the properties of a code.

    Args:
        code: (U, n) bool.
        null_words: (R, n) bool.

    Returns:
        Plain numbers: units, members, weight (range over units), distinct rows, column sums and the
        largest difference between them, members kept when one unit is ablated and when sets are,
        Hamming distances (pairs at 0..n, least and mean; None for one unit), null code words.
    """
    units, members = code.shape
    weights, columns = code.sum(axis=1), code.sum(axis=0)
    pairs = hamming_histogram(code)
    total = int(pairs.sum())
    return {
        "units": units,
        "members": members,
        "weight_min": int(weights.min()),
        "weight_max": int(weights.max()),
        "distinct_rows": len(np.unique(pack(code))),
        "column_sums": columns.tolist(),
        "column_spread": int(columns.max() - columns.min()),
        "members_kept_min": int((members - weights).min()),
        "members_left_of_sets": members_left(code),
        "hamming_units_compared": min(units, EXACT_UNITS),
        "hamming_pairs": pairs.tolist(),
        "hamming_min": int(np.flatnonzero(pairs)[0]) if total else None,
        "hamming_mean": float(np.arange(members + 1) @ pairs / total) if total else None,
        "null_words": len(null_words),
    }
