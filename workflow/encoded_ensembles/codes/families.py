"""Families of codes: which words exist, and how many units they can encode.

Source of the random family: Dai & Gifford, arXiv 2306.02174, section on encoded ensembles. The
properties and costs of the other families are in docs/codes.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import comb

import numpy as np

from encoded_ensembles.storage.files import InputError

SHARED = ("partition", "leave-one-out")  # families with only n words, which units share


@cache
def _code_words(*, members: int, weight: int, distance: int) -> np.ndarray:
    """Return `constant_weight.code_words`, computed once."""
    from encoded_ensembles.codes.constant_weight import code_words

    return code_words(members=members, weight=weight, distance=distance)


@dataclass(frozen=True)
class Family:
    """The kind and size of a code.

    Attributes:
        name: "random", "balanced", "min-distance" or one of `SHARED`.
        members: n, 2..64; a word is stored in 64 bits.
        weight: w, 1..n-1; 1 for partition, n-1 for leave-one-out.
        distance: least Hamming distance between words, even; above 2 only for min-distance.
    """

    name: str
    members: int
    weight: int
    distance: int = 2

    def words(self) -> np.ndarray | None:
        """Return all words (M,) uint64, ascending, or None for families whose words are not listed."""
        if self.name == "min-distance" and self.distance > 2:
            return _code_words(members=self.members, weight=self.weight, distance=self.distance)
        return None


def family_of(code: Mapping[str, np.ndarray]) -> Family:
    """Return the family of a code from the arrays of code.npz.

    Raises:
        InputError: an earlier version wrote the arrays, without family and distance.
    """
    if "family" not in code:
        raise InputError(
            "the code has no family, expected family and distance beside the matrix (an earlier "
            "version wrote it); run snakemake again, or encens encode-units."
        )
    matrix = code["code"]
    return Family(str(code["family"]), matrix.shape[1], int(matrix[0].sum()), int(code["distance"]))


def capacity(family: Family) -> int:
    """Return the number of words a family has."""
    if family.name in SHARED:
        return family.members
    words = family.words()
    return comb(family.members, family.weight) if words is None else len(words)


def check_capacity(family: Family, *, units: int, null_words: int) -> None:
    """Check that there are enough words for all units and null code words.

    Raises:
        InputError: there are too few; the message names a sufficient size.
    """
    n, w, words = family.members, family.weight, capacity(family)
    if family.name in SHARED:
        if units < n:
            raise InputError(
                f"the data make {units} units for code.members: {n}, expected at least {n} units "
                f"with code.family {family.name}; set code.members: {units}."
            )
        check_null_words(family.name, members=n, null_words=null_words)
        return
    if units + null_words <= words:
        return
    needed = (
        f"{units} units and {null_words} null code words (code.null_words) need a word each, but "
    )
    if family.name == "min-distance" and family.distance > 2:
        raise InputError(
            f"{needed}only {words} code words of weight {w} on {n} members at least "
            f"{family.distance} apart (code.distance) are known; "
            f"{_feasible_distance(family, units + null_words)}, or lower code.null_words."
        )
    enough = _enough_members(units + null_words)
    raise InputError(
        f"{needed}only {words} code words of weight {w} on {n} members exist; "
        f"code.members: {enough} with weight {enough // 2} would suffice, or lower code.null_words."
    )


def check_null_words(family: str, *, members: int, null_words: int) -> None:
    """Check that a family has null code words, if `null_words` is not 0.

    Raises:
        InputError: it has none.
    """
    if family in SHARED and null_words:
        raise InputError(
            f"code.null_words is {null_words}, expected 0 with code.family {family}: all its "
            f"{members} words are assigned to units, so no null code words are left."
        )


def _enough_members(words: int) -> int:
    """Return the least even n with at least this number of words of weight n/2."""
    return next(n for n in range(2, 400, 2) if comb(n, n // 2) >= words)


def _feasible_distance(family: Family, wanted: int) -> str:
    """Return advice: a smaller code.distance, or a number of members, with enough words."""
    for distance in range(family.distance - 2, 1, -2):
        smaller = Family(family.name, family.members, family.weight, distance)
        if capacity(smaller) >= wanted:
            return f"code.distance: {distance} would suffice ({capacity(smaller)} words)"
    enough = _enough_members(wanted)
    return f"code.members: {enough} with weight {enough // 2} and code.distance: 2 would suffice"


def default_weight(members: int) -> int:
    """Return n/2.

    Raises:
        InputError: n is odd.
    """
    if members % 2:
        raise InputError(
            f"code.members is {members}, expected an even number because code.weight is not set "
            f"and defaults to members/2; set code.weight (1 to {members - 1}) or use "
            f"{members + 1} members."
        )
    return members // 2
