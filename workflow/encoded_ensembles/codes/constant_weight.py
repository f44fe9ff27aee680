"""Binary codes of constant weight: many words that are pairwise far apart.

Large codes are found as in the published tables: the code has to be invariant under a group of
permutations of the members. It is then a union of orbits, and there are far fewer orbits than words.

Source: Brouwer, Shearer, Sloane & Smith, *A new table of constant weight codes*, IEEE Trans.
Inform. Theory 36 (1990) 1334-1380; tables continued at https://www.win.tue.nl/~aeb/codes/Andw.html.
"""

from collections.abc import Iterator
from math import comb, gcd, isqrt

import numpy as np

MAX_WORDS = 3_000_000  # all words of a weight are listed up to this number; C(24, 12) fit
CLOSURE = 2**17  # largest sample beyond that, with its images under a group
MAX_ORBITS = 13_000  # their graph needs a byte per pair; C(16, 8) single words fit
MAX_WORK = 10**10  # comparisons of two words, a nanosecond each: about ten seconds
MOVES = 5000  # of the search in one graph
FAR = 10.0**9  # penalty that excludes a chosen vertex
DIMENSION = 21  # of the linear codes


def code_words(*, members: int, weight: int, distance: int) -> np.ndarray:
    """Return a large code of constant weight and least distance; equal arguments give equal words.

    Args:
        members: n, 2..64.
        weight: w, 1..n-1.
        distance: d, even, 4..64.

    Returns:
        (M,) uint64, M >= 1, ascending: words of weight w, bit m set where member m sees the unit,
        at pairwise Hamming distance >= d.

    Raises:
        ValueError: an argument is out of range.
    """
    if not 1 <= weight < members <= 64 or distance not in range(4, 65, 2):
        raise ValueError(f"no code of {members} members, weight {weight} and distance {distance}")
    if 2 * weight > members:  # complements have the same distances
        words = code_words(members=members, weight=members - weight, distance=distance)
        return np.uint64(2**members - 1) - words[::-1]
    listed = comb(members, weight) <= MAX_WORDS
    code = np.zeros(0, np.uint64) if listed else _linear_code(members, weight, distance)
    if len(code) < CLOSURE:
        code = max(code, _invariant_code(members, weight, distance), key=len)
    return np.sort(code)


def _some_words(members: int, weight: int) -> np.ndarray:
    """Return all words of a weight, ascending, or a random sample if there are too many."""
    if comb(members, weight) > MAX_WORDS:
        # unlike those of Generator, the numbers of RandomState never change (NEP 19)
        order = np.random.RandomState(0).random_sample((CLOSURE // 16, members)).argsort(axis=1)
        return (np.uint64(1) << order[:, :weight].astype(np.uint64)).sum(axis=1)
    lists = [np.zeros(1, np.uint64)] + [np.zeros(0, np.uint64)] * weight  # by weight
    for member in range(members):
        bit = np.uint64(1 << member)
        lists[1:] = [np.concatenate([lists[k], lists[k - 1] | bit]) for k in range(1, weight + 1)]
    return lists[weight]


def _invariant_code(members: int, weight: int, distance: int) -> np.ndarray:
    """Return the largest code found in searches over the orbits of each group in turn."""
    words = _some_words(members, weight)
    listed, work = len(words) == comb(members, weight), 0
    best = _sum_code(words, members) if listed and distance == 4 else words[:1]
    for order, permutations in _groups(members):
        if work > MAX_WORK and order > 1:
            continue
        whole = words if listed else _closure(words[: CLOSURE // order], permutations)
        work += (300 if listed else 2000) * len(whole)  # cost of finding the orbits
        kept, size = _orbits(whole, permutations, distance)
        step = 1 + len(size) // MAX_ORBITS + isqrt(4 * len(size) * len(kept) // MAX_WORK)
        thin = np.arange(len(size)) % step == 0  # every step-th orbit if there are too many
        kept, size = kept[np.repeat(thin, size)], size[thin]
        work += 10**8 + len(size) * (len(kept) + 10 * MOVES)
        start = np.isin(kept, best) if order == 1 else np.zeros(len(size), bool)
        chosen = _search(_graph(kept, size, distance), size, start)
        best = max(best, kept[np.repeat(chosen, size)], key=len)
    return best


def _sum_code(words: np.ndarray, members: int) -> np.ndarray:
    """Return the words whose members sum to the most frequent value modulo n: distance 4.

    Source: Graham & Sloane, *Lower bounds for constant weight codes*, IEEE T-IT 26 (1980) 37-43.
    """
    total = sum(m * (words >> np.uint64(m) & np.uint64(1)).astype(int) for m in range(members))
    residue = total % members
    return words[residue == np.bincount(residue).argmax()]


def _groups(members: int) -> Iterator[tuple[int, list[np.ndarray]]]:
    """Yield orders and generators of groups on the members, from the largest to the trivial one.

    Up to two members are fixed; the others form cycles, with the maps x -> x + 1 and often x -> a x.
    """
    groups: dict[tuple[int, int, frozenset[int]], tuple[int, int, int]] = {}
    for moved in range(members, max(members - 3, 1), -1):
        for length in (m for m in range(2, moved + 1) if moved % m == 0):
            for factor in (a for a in range(1, length) if gcd(a, length) == 1):
                powers = frozenset(pow(factor, k, length) for k in range(length))
                groups.setdefault((length * len(powers), moved, powers), (moved, length, factor))
    place = np.arange(members)
    for key in sorted(groups, key=lambda key: -key[0]):
        moved, length, factor = groups[key]
        maps = [(place + 1) % length, place * factor % length][: 1 + (factor > 1)]
        yield key[0], [np.where(place < moved, place + x - place % length, place) for x in maps]
    yield 1, []


def _permuted(words: np.ndarray, permutation: np.ndarray) -> np.ndarray:
    """Return words with the bit of every member m moved to member permutation[m]."""
    image = np.zeros_like(words)
    for member, to in enumerate(permutation.tolist()):
        image |= (words >> np.uint64(member) & np.uint64(1)) << np.uint64(to)
    return image


def _closure(words: np.ndarray, permutations: list[np.ndarray]) -> np.ndarray:
    """Return the words and all their images under the group, ascending."""
    for permutation in permutations[::-1]:  # x -> a x first: it maps rotations to rotations
        for _ in range(6):  # covers all powers up to 63
            words = np.unique(np.concatenate([words, _permuted(words, permutation)]))
            permutation = permutation[permutation]
    return np.unique(words)


def _orbits(
    words: np.ndarray, permutations: list[np.ndarray], distance: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the words of orbits that are codes themselves, sorted by orbit, and orbit sizes."""
    images = [np.searchsorted(words, _permuted(words, p)) for p in permutations]
    label, before = np.arange(len(words)), np.full(1, -1)
    while (label != before).any():  # the smallest index spreads through its orbit
        before = label
        for index in images:
            label = np.minimum(label, label[index])
        label = label[label]
    apart = np.bitwise_count(words ^ words[label])
    near = np.bincount(label, (apart > 0) & (apart < distance), len(words)) > 0
    kept = np.flatnonzero(~near[label])
    kept = kept[np.argsort(label[kept], kind="stable")]
    return words[kept], np.unique(label[kept], return_counts=True)[1]


def _graph(words: np.ndarray, size: np.ndarray, distance: int) -> np.ndarray:
    """Return which orbits have words closer than `distance`; one word per orbit is enough."""
    orbit = np.repeat(np.arange(len(size)), size)
    near = np.zeros((len(size), len(size)), bool)
    for row, word in zip(near, words[np.cumsum(size) - size], strict=True):
        row[orbit[np.flatnonzero(np.bitwise_count(words ^ word) < distance)]] = True
    return near


def _search(near: np.ndarray, size: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return a heavy set of vertices without edges: add the best vertex, drop its neighbours.

    Source: Glover, *Tabu search, part I*, ORSA J. Comput. 1 (1989) 190-206.
    """
    ties = np.random.RandomState(0).random_sample(len(size) + 4096)
    chosen, best = start.copy(), start
    gain, free_at = size.astype(float), np.zeros(len(size), np.int64)
    gain -= size[start] @ near[start] + FAR * start
    total = most = int(size[start].sum())
    for move in range(min(MOVES, 20 * len(size))):
        score = gain + ties[61 * move % 4096 :][: len(size)]
        score[free_at > move] = -FAR
        vertex = score.argmax()
        if score[vertex] < -FAR / 2:
            continue
        dropped = np.flatnonzero(near[vertex] & chosen)
        gain -= near[vertex] * size[vertex]
        for other in dropped:
            gain += near[other] * size[other]
        gain[vertex] -= FAR
        gain[dropped] += FAR
        free_at[dropped] = move + 7 + move % 11  # blocked for some moves
        chosen[dropped], chosen[vertex] = False, True
        total += int(size[vertex] - size[dropped].sum())
        if total > most:
            most, best = total, chosen.copy()
    return best


def _linear_code(members: int, weight: int, distance: int) -> np.ndarray:
    """Return the words of the weight in a translate of a shortened extended BCH code.

    Over a word's members, 1, x, x^3, ..., x^(d-3) sum to 0. A large code is cut to a subcode.

    Source: MacWilliams & Sloane, *The Theory of Error-Correcting Codes* (1977), chapter 9.
    """
    degree = (members - 1).bit_length()
    modulus, power = {5: 0b100101, 6: 0b1000011}[degree], [1]  # primitive over GF(2)
    while len(power) < 2**degree - 1:
        power.append(power[-1] << 1 ^ (power[-1] >> (degree - 1)) * modulus)
    code: list[int] = []
    pivots: dict[int, tuple[int, int]] = {}
    for member in range(members):
        total, word = 1, 1 << member
        for exponent in range(1, distance - 2, 2):
            x = power[exponent * (member - 1) % len(power)] if member else 0
            total = total << degree | x
        while total and total.bit_length() in pivots:
            other = pivots[total.bit_length()]
            total, word = total ^ other[0], word ^ other[1]
        if total:
            pivots[total.bit_length()] = total, word
        elif len(code) < DIMENSION:
            code.append(word)
        else:  # so that every member is in some word
            code[member % DIMENSION] ^= word
    words = np.zeros(1, np.uint64)
    for word in code:
        words = np.concatenate([words, words ^ np.uint64(word)])
    translates = (words ^ np.uint64(2**ones - 1) for ones in range(weight + 1))
    return max((t[np.bitwise_count(t) == weight] for t in translates), key=len)
