"""Assignment of code words to units.

The draw of a word depends on the name of its unit, not on its position in a list: the same units get
the same words in any order.
"""

import hashlib

import numpy as np

from encoded_ensembles.codes.families import SHARED, Family, capacity
from encoded_ensembles.codes.words import pack, unpack, unrank

ENUMERATED = 1 << 24  # families of up to this number of words: the free words are listed
DRAWS = 8  # numbers of 64 bits from one hash


def _at(ranks: np.ndarray, family: Family) -> np.ndarray:
    """Return the words of a family with these ranks; (A,) uint64."""
    listed = family.words()
    if listed is not None:
        return listed[ranks]
    return unrank(ranks, members=family.members, weight=family.weight)


def _not_in(assigned: np.ndarray, ranks: np.ndarray, family: Family) -> np.ndarray:
    """Return the words with these ranks that are not in the ascending `assigned`."""
    words = _at(ranks, family)
    return words[~_within(words, assigned)]


def _within(values: np.ndarray, ascending: np.ndarray) -> np.ndarray:
    """Return which values are in an ascending array, bool."""
    if not len(ascending):
        return np.zeros(len(values), bool)
    place = np.minimum(np.searchsorted(ascending, values), len(ascending) - 1)
    return ascending[place] == values


def _draws(names: np.ndarray, *, seed: int, round_: int) -> np.ndarray:
    """Return eight random numbers for each name: (U, 8) uint64."""
    key, salt = seed.to_bytes(8, "little"), round_.to_bytes(8, "little")
    joined = b"".join(
        hashlib.blake2b(name, digest_size=8 * DRAWS, key=key, salt=salt).digest()
        for name in names.tolist()
    )
    return np.frombuffer(joined, "<u8").reshape(-1, DRAWS)


def claim(names: np.ndarray, given: np.ndarray, family: Family, *, seed: int) -> np.ndarray:
    """Assign every name a word that is not in `given`: the first free word of its random draws.

    If two names draw the same word, the first name gets it. After a round of draws, the free words of
    a small family are listed and assigned in random order.

    Args:
        names: (U,) S64.
        given: (G,) uint64, ascending.
        family: one whose words are not shared.
        seed: of the draws.

    Returns:
        (U,) uint64, distinct.
    """
    size = capacity(family)
    fair = np.uint64(2**64 // size * size - 1)  # above it, remainders would favour small ranks
    words = np.zeros(len(names), np.uint64)
    waiting, round_ = np.arange(len(names)), 0
    while len(waiting):
        if round_ and size <= ENUMERATED:
            free = _not_in(given, np.arange(size, dtype=np.uint64), family)
            rng = np.random.default_rng([seed, len(waiting)])
            words[waiting] = rng.permutation(free)[: len(waiting)]
            break
        draws = _draws(names[waiting], seed=seed, round_=round_)
        for turn in range(DRAWS):
            wanted = _at(draws[:, turn] % np.uint64(size), family)
            free = (draws[:, turn] <= fair) & ~_within(wanted, given)
            places = np.flatnonzero(free)
            won = places[np.unique(wanted[places], return_index=True)[1]]
            words[waiting[won]] = wanted[won]
            given = np.sort(np.concatenate([given, wanted[won]]))
            rest = np.ones(len(waiting), bool)
            rest[won] = False
            waiting, draws = waiting[rest], draws[rest]
        round_ += 1
    return words


def count_free(units: int, *, family: Family, limit: int) -> int:
    """Return the number of words that `free_words` returns for the code of U units."""
    return 0 if family.name in SHARED else min(limit, capacity(family) - units)


def free_words(code: np.ndarray, *, family: Family, limit: int, seed: int = 0) -> np.ndarray:
    """Return words of a family that are assigned to no unit of a code, at most `limit`.

    Args:
        code: (U, n) bool.
        family: of the code; shared families have no such words.
        limit: largest number of words.
        seed: of the choice if more words are free.

    Returns:
        (R, n) bool, distinct.
    """
    if family.name in SHARED:
        return code[:0]
    size = capacity(family)
    rng = np.random.default_rng(seed)
    if size <= ENUMERATED:
        ranks = np.arange(size, dtype=np.uint64)
    else:  # few of these are assigned to a unit
        ranks = np.unique(rng.integers(0, size, 2 * limit + len(code), dtype=np.uint64))
    words = _not_in(np.sort(pack(code)), ranks, family)
    chosen = rng.choice(len(words), min(limit, len(words)), replace=False)
    return unpack(words[chosen], members=family.members)


def balance(
    words: np.ndarray, movable: np.ndarray, given: np.ndarray, *, members: int, seed: int
) -> np.ndarray:
    """Change as few words as needed until column sums differ by at most one.

    A word that has the fullest member but not the emptiest swaps the two. If their columns differ by
    two or more, more words have only the fullest than only the emptiest, so not all swapped words are
    assigned: if every word may change, the loop always ends balanced.

    Args:
        words: (U,) uint64, distinct.
        movable: (U,) bool, words that may change; with fixed words, columns may differ by more.
        given: (G,) uint64, ascending; words that no swap may produce.
        members: n.
        seed: of the choice among the words that can swap.

    Returns:
        (U,) uint64, distinct.
    """
    rng = np.random.default_rng(seed)
    words = words.copy()
    assigned = np.sort(np.concatenate([words, given]))
    columns = unpack(words, members=members).sum(axis=0)
    changed = True
    while changed:
        changed = False
        order = np.argsort(columns, kind="stable")
        pairs = [(a, b) for a in order[::-1] for b in order if columns[a] - columns[b] > 1]
        for full, empty in pairs:
            needed = (columns[full] - columns[empty]) // 2
            rows = _swappable(words, movable, int(full), int(empty), assigned)
            rows = rng.choice(rows, min(needed, len(rows)), replace=False, shuffle=False)
            if len(rows):
                assigned[np.searchsorted(assigned, words[rows])] = words[rows] ^ _swap(full, empty)
                assigned.sort()
                words[rows] ^= _swap(full, empty)
                columns[full] -= len(rows)
                columns[empty] += len(rows)
                changed = True
                break
    return words


def _swap(full: int, empty: int) -> np.uint64:
    """Return the two bits that a swap changes."""
    return np.uint64(1 << int(full)) | np.uint64(1 << int(empty))


def _swappable(
    words: np.ndarray, movable: np.ndarray, full: int, empty: int, assigned: np.ndarray
) -> np.ndarray:
    """Return the movable rows that have `full` but not `empty`, and whose swapped word is free."""
    holds = (words & _swap(full, empty)) == np.uint64(1 << full)
    rows = np.flatnonzero(movable & holds)
    return rows[~_within(words[rows] ^ _swap(full, empty), assigned)]


def deal(names: np.ndarray, known: np.ndarray, family: Family, *, seed: int) -> np.ndarray:
    """Assign names the n words of a shared family, each to the member with the fewest units.

    Args:
        names: (U,) S64.
        known: (K,) uint64, words of the units that keep their word.
        family: partition (the member that sees the unit) or leave-one-out (the one that does not).
        seed: of the order.

    Returns:
        (U,) uint64.
    """
    n = family.members
    everyone = np.uint64(2**n - 1)
    single = np.uint64(1) << np.arange(n, dtype=np.uint64)
    entries = single if family.name == "partition" else everyone ^ single
    filled = np.array([(known == entry).sum() for entry in entries])
    top = int(filled.max()) + -(-len(names) // n)
    level = np.concatenate([np.arange(start, top) for start in filled])
    member = np.repeat(np.arange(n), top - filled)
    seats = member[np.lexsort([member, level])][: len(names)]
    order = np.argsort(_draws(names, seed=seed, round_=0)[:, 0], kind="stable")
    words = np.zeros(len(names), np.uint64)
    words[order] = entries[seats]
    return words
