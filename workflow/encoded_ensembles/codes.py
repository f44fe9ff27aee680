"""Codes: which members train on which units, and what follows from the code alone.

Source: Dai & Gifford, arXiv 2306.02174, section on encoded ensembles: every training example gets a
distinct code word of weight n/2; words of equal weight form an antichain, so no unit's word covers
another's.
"""

from math import comb
from typing import Any

import numpy as np

from encoded_ensembles.files import InputError

MAX_MEMBERS = 64  # ranks of words must fit 64 bits
EXACT_UNITS = 4096  # Hamming distances of all pairs up to here, of a random subset beyond


def default_weight(members: int) -> int:
    """Return n/2.

    Raises:
        InputError: n is odd.
    """
    if members % 2:
        raise InputError(
            f"code.members is {members}, expected an even number because code.weight is not set "
            f"and then is members/2; set code.weight (1 to {members - 1}) or take "
            f"{members + 1} members."
        )
    return members // 2


def check_capacity(*, members: int, weight: int, units: int, null_words: int) -> None:
    """Check that there are enough words of this weight for all units and null code words.

    Raises:
        InputError: there are not; the message says which number of members would do.
    """
    words = comb(members, weight)
    if units + null_words <= words:
        return
    enough = next(n for n in range(2, 400, 2) if comb(n, n // 2) >= units + null_words)
    raise InputError(
        f"{units} units and {null_words} null code words (code.null_words) were asked for, but "
        f"only {words} code words of weight {weight} on {members} members exist; "
        f"code.members: {enough} with weight {enough // 2} would do, or lower code.null_words."
    )


def random_words(*, members: int, weight: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return distinct random code words of constant weight, uniform over all such words.

    Ranks in the combinatorial number system are drawn without replacement and turned into words
    all at once: the bit of member m is set where comb(m, k) is the largest not above the rank
    (Knuth, *The Art of Computer Programming* 4A, section 7.2.1.3, theorem L).

    Args:
        members: n, 1..64.
        weight: w, 1..n-1.
        count: number of words, at most comb(n, w).
        rng: source of randomness.

    Returns:
        (count, n) bool.

    Raises:
        ValueError: an argument is out of range.
    """
    if not 1 <= weight < members <= MAX_MEMBERS or not 0 <= count <= comb(members, weight):
        raise ValueError(f"no {count} words of weight {weight} on {members} members")
    rank = rng.choice(comb(members, weight), size=count, replace=False)
    left = np.full(count, weight)
    table = np.array(
        [[comb(m, k) for k in range(weight + 1)] for m in range(members)], dtype=np.uint64
    )
    words = np.zeros((count, members), bool)
    rank = rank.astype(np.uint64)
    for member in reversed(range(members)):
        below = table[member, left]
        words[:, member] = bit = (left > 0) & (rank >= below)
        rank = np.where(bit, rank - below, rank)
        left = left - bit
    return words


def encode(
    *, units: int, members: int, weight: int, null_words: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the code matrix and the null code words, all distinct.

    Returns:
        code (units, members) bool, null words (null_words, members) bool.

    Raises:
        InputError: there are not so many words, or a member would be left without a unit.
    """
    check_capacity(members=members, weight=weight, units=units, null_words=null_words)
    rng = np.random.default_rng(seed)
    words = random_words(members=members, weight=weight, count=units + null_words, rng=rng)
    code = words[:units]
    empty = np.flatnonzero(~code.any(axis=0))
    if len(empty):
        raise InputError(
            f"{units} units on {members} members leave member {empty[0]} without any; "
            "take more units, fewer members, a larger code.weight or another code.seed."
        )
    return code, words[units:]


def ablation_keep(words: np.ndarray) -> np.ndarray:
    """Return the keep masks that ablate each word: the members that did not see it.

    Args:
        words: (A, n) bool.

    Returns:
        (A, n) bool.
    """
    return ~words


def kept_sizes(*, members: int, weight: int, wanted: list[int] | None) -> list[int]:
    """Return the numbers of members kept that are evaluated, ascending.

    Args:
        members: n.
        weight: w.
        wanted: numbers to evaluate besides 1, n-w and n; None takes 2, 3 and the middle between n-w
            and n, as far as they lie in 1..n.
    """
    between = [2, 3, members - weight // 2] if wanted is None else wanted
    return sorted({1, members - weight, members, *(k for k in between if k <= members)})


def sized_keep(*, members: int, sizes: list[int], repeats: int, seed: int) -> np.ndarray:
    """Draw keep masks of given sizes, distinct within a size.

    Args:
        members: n.
        sizes: numbers of members kept, each 1..n.
        repeats: masks per size (fewer where fewer exist).
        seed: of the draw.

    Returns:
        (A, n) bool, in the order of `sizes`.
    """
    rows = []
    for size in sizes:
        rng = np.random.default_rng([seed, size])
        if size == members:
            rows.append(np.ones((1, members), bool))
        else:
            count = min(repeats, comb(members, size))
            rows.append(random_words(members=members, weight=size, count=count, rng=rng))
    return np.concatenate(rows)


def hamming_histogram(code: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Count the pairs of units at each Hamming distance.

    Args:
        code: (U, n) bool. Beyond 4096 units, a random 4096 of them are compared.
        seed: of that choice.

    Returns:
        (n + 1,) int64: pairs at distance 0..n.
    """
    if len(code) > EXACT_UNITS:
        rng = np.random.default_rng(seed)
        code = code[np.sort(rng.choice(len(code), EXACT_UNITS, replace=False))]
    words = code.astype(np.float32)
    weights = words.sum(axis=1)
    distance = weights[:, None] + weights[None, :] - 2 * (words @ words.T)
    pairs = distance[np.triu_indices(len(code), k=1)].astype(np.int64)
    return np.bincount(pairs, minlength=code.shape[1] + 1)


def properties(code: np.ndarray, null_words: np.ndarray) -> dict[str, Any]:
    """Measure what a code guarantees.

    Args:
        code: (U, n) bool.
        null_words: (R, n) bool.

    Returns:
        Plain numbers: units, members, weight (range over units), distinct rows, column sums, members
        kept when one unit is ablated, Hamming distances (pairs at 0..n, least and mean; None with
        one unit), and null code words.
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
        "distinct_rows": len(np.unique(code, axis=0)),
        "column_sums": columns.tolist(),
        "members_kept_min": int((members - weights).min()),
        "hamming_units_compared": min(units, EXACT_UNITS),
        "hamming_pairs": pairs.tolist(),
        "hamming_min": int(np.flatnonzero(pairs)[0]) if total else None,
        "hamming_mean": float(np.arange(members + 1) @ pairs / total) if total else None,
        "null_words": len(null_words),
    }
