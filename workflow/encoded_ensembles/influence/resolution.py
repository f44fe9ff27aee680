"""Resolution: the smallest q-value that a single unit can reach, whatever its influence.

A p-value from R null code words is at least 1 / (R + 1). Benjamini and Hochberg's procedure multiplies the
smallest of U p-values by U, so a unit that is alone in having an influence has q >= U / (R + 1).
"""

from math import comb

MOST_MEMBERS = 64  # no larger ensemble is suggested


def lone_q(units: int, words: int) -> float:
    """Return the smallest q-value of a unit that alone has the smallest p-value, at most 1.

    Args:
        units: U, tested for each sample.
        words: R, free code words that make the null distribution.
    """
    return min(1.0, units / (words + 1))


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
    """Return one sentence if a lone unit cannot be attributed; None if it can.

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
        advice = f"set contrast.null_words to at least {-int(-units // level) - 1}"
    elif needed is None or needed <= members:
        advice = "use a code family with free code words, or fewer units"
    else:
        advice = f"code.members: {needed} with half of them in each word would do"
    return (
        f"a unit that alone has an influence on a sample cannot be attributed: its q-value is at least "
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
