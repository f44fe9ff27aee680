"""Power: for how many samples a unit can be expected to be named, before anything is trained.

Simulated from measured effects: the z of a unit of a rank of likeness grows with the square root of the number
of members. Effects fall as units become more, since each is a smaller part of what a member sees. They
were measured on digits of 8x8 pixels (studies/power.py, docs/power.md); other data differ.
"""

from importlib.resources import files
from math import comb

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control, norm

from encoded_ensembles.influence.joint import rank_weights

RANKS = 30  # most alike units that have an effect; the others have none
SAMPLES = 200  # simulated samples
SIMULATED = 1_000  # most alike units that are simulated; others are tested, and not named
MOST_WORDS = 1_000_000  # null code words, at most (contrast.null_words)


def measured_effects() -> pd.DataFrame:
    """Return the effects: units, statistic, rank, mean and spread of z / sqrt(members) over samples."""
    with files("encoded_ensembles.influence").joinpath("effects.csv").open() as file:
        return pd.read_csv(file)


def effects_at(effects: pd.DataFrame, units: int, statistic: str) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and spread of the effects of the most alike units, each (RANKS,).

    Between measured numbers of units they are interpolated over the logarithm of the number. Beyond these
    the nearest measured effects are scaled by a power of the number of units: the power that fits the
    mean effects of all sizes, at most 0.
    """
    table = effects[effects["statistic"] == statistic]
    mean, spread = (
        table.pivot_table(index="units", columns="rank", values=column)
        for column in ("mean", "spread")
    )
    sizes = np.log(mean.index.to_numpy(float))
    size = np.clip(np.log(units), sizes[0], sizes[-1])
    found = [
        np.array([np.interp(size, sizes, column) for column in part.to_numpy().T])
        for part in (mean, spread)
    ]
    power = min(0.0, np.polyfit(sizes, np.log(mean.mean(axis=1)), 1)[0]) if len(sizes) > 1 else 0.0
    scale = np.exp(power * (np.log(units) - size))
    return found[0] * scale, found[1] * scale


def expected_named(
    units: int,
    members: int,
    *,
    effects: pd.DataFrame,
    statistic: str = "joint",
    weighted: bool = True,
    level: float = 0.05,
    weight: int | None = None,
    words: int | None = None,
    seed: int = 0,
) -> float:
    """Return the expected share of samples for which a unit is named.

    Args:
        units: U.
        members: n.
        effects: `measured_effects`.
        statistic: joint or contrast.
        weighted: weights from likeness, or Benjamini and Hochberg's procedure.
        level: largest q of a named unit.
        weight: w, of a code word; by default half of the members.
        words: R, free code words; by default all of that weight that no unit has, at most MOST_WORDS.
        seed: of the simulation.
    """
    weight = members // 2 if weight is None else weight
    if words is None:
        words = min(comb(members, weight) - units, MOST_WORDS)
    if words < 1:
        return 0.0
    rng = np.random.default_rng(seed)
    simulated = min(units, SIMULATED)
    mean, spread = (part[:units] for part in effects_at(effects, units, statistic))
    z = rng.standard_normal((simulated, SAMPLES))
    effect = mean[:, None] + spread[:, None] * rng.standard_normal((len(mean), SAMPLES))
    # A contrast has variance s^2 n / (w (n - w)): that of n members with half of them in a word (docs/grading.md).
    z[: len(mean)] += np.sqrt(4 * weight * (members - weight) / members) * effect
    p = np.maximum(norm.sf(z), 1 / (1 + words))
    weights = (rank_weights(units) if weighted else np.ones(units))[:simulated, None]
    # Benjamini and Hochberg's procedure multiplies by the number of tests, here of all units.
    q = units / simulated * false_discovery_control(np.minimum(p / weights, 1), axis=0)
    return float((q <= level).any(axis=0).mean())


def members_needed(units: int, *, share: float, most: int = 64, **options: object) -> int | None:
    """Return the least even number of members at which a share of samples has a named unit.

    Args:
        units: U.
        share: 0..1.
        most: largest number tried.
        options: of `expected_named`.

    Returns:
        n; None if `most` members are too few.
    """
    for members in range(4, most + 1, 2):
        if expected_named(units, members, **options) >= share:  # type: ignore[arg-type]
            return members
    return None
