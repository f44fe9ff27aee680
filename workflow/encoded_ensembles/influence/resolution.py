"""Resolution: the smallest q-value that a single unit can reach, whatever its influence.

A p-value from R null code words is at least 1 / (R + 1). Weighted by likeness, the unit of rank k has the weight
U / (k H), where H = 1 + 1/2 + ... + 1/U, so if it is alone in having an influence its q is at least k H / (R + 1).
"""

from math import ceil, comb, floor, log

import numpy as np

SUMMED = 1_000_000  # terms of the harmonic sum that are added; the rest is a logarithm
MOST_MEMBERS = 64  # no larger ensemble is suggested


def lone_q(units: int, words: int) -> float:
    """Return the smallest q-value, weighted by likeness, of the most alike unit if it alone has the smallest p-value.

    Args:
        units: U, tested for each sample.
        words: R, free code words that make the null distribution.

    Returns:
        H / (R + 1), at most 1.
    """
    return min(1.0, _harmonic(units) / (words + 1))


def lone_rank(units: int, words: int, *, level: float) -> int:
    """Return the last rank of likeness at which a unit that alone has an influence can reach `level`, 0..U."""
    return min(units, floor(level * (words + 1) / _harmonic(units) * (1 + 1e-12)))


def _harmonic(units: int) -> float:
    return float((1 / np.arange(1, min(units, SUMMED) + 1)).sum()) + log(max(1, units / SUMMED))


def members_for(units: int, *, level: float) -> int | None:
    """Return the smallest even number of members at which a lone unit can reach `level`.

    Args:
        units: U, with words of half of the members.
        level: largest q-value of an attributed unit.

    Returns:
        n; None if more than `MOST_MEMBERS` are needed.
    """
    for members in range(2, MOST_MEMBERS + 1, 2):
        words = comb(members, members // 2) - units
        if words > 0 and lone_q(units, words) <= level:
            return members
    return None


def resolution_warning(
    units: int, words: int, *, members: int, limit: int, level: float
) -> str | None:
    """Return one sentence if a lone unit cannot be attributed, not even the most alike; None if it can.

    Args:
        units: U.
        words: R.
        members: n of the code.
        limit: contrast.null_words, the largest R.
        level: contrast.attributed, the largest q-value of an attributed unit.
    """
    smallest = lone_q(units, words)
    if smallest <= level:
        return None
    needed = members_for(units, level=level)
    if words >= limit:
        advice = f"set contrast.null_words to at least {ceil(_harmonic(units) / level) - 1}"
    elif needed is None or needed <= members:
        advice = "use a code family with free code words, or fewer units"
    else:
        advice = f"code.members: {needed} with half of them in each word would do"
    return (
        f"a unit that alone has an influence on a sample cannot be attributed, even if it is the most alike: its q-value is at least "
        f"{smallest:.2g} with {units} units and {words} free code words, expected at most "
        f"contrast.attributed ({level:g}); {advice}."
    )


def balance_warning(family: str) -> str | None:
    """Return one sentence if p-values are not exact because of the code's family; None if they are."""
    if family != "balanced":
        return None
    return (
        "p-values are approximate with code.family balanced: words were exchanged to level the number of "
        "units per member, so a unit's word is not equally likely to be any free one; "
        "contrast/checks.csv measures the error on decoys, and code.family: random has none."
    )
