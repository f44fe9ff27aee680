"""Code words packed into 64-bit numbers, and unpacked."""

from math import comb

import numpy as np


def pack(words: np.ndarray) -> np.ndarray:
    """Return words (A, n) bool as (A,) uint64 with bit m for member m."""
    bits = np.uint64(1) << np.arange(words.shape[1], dtype=np.uint64)
    packed = np.zeros(len(words), np.uint64)
    for member, bit in enumerate(bits):
        packed[words[:, member]] |= bit
    return packed


def unpack(packed: np.ndarray, *, members: int) -> np.ndarray:
    """Return (A,) uint64 as words (A, n) bool."""
    words = np.empty((len(packed), members), bool)
    for member in range(members):
        words[:, member] = (packed >> np.uint64(member)) & np.uint64(1)
    return words


def spell(words: np.ndarray) -> list[str]:
    """Return words (A, n) bool as text: "0110" for a word with members 1 and 2."""
    return ["".join("01"[bit] for bit in word) for word in words.astype(int).tolist()]


def hamming(words: np.ndarray) -> np.ndarray:
    """Return the pairwise Hamming distances of words (A, n) bool, (A, A) int64."""
    bits = words.astype(np.float32)  # exact up to 2^24, and faster than integers
    weights = bits.sum(axis=1)
    return (weights[:, None] + weights[None, :] - 2 * (bits @ bits.T)).astype(np.int64)


def unrank(ranks: np.ndarray, *, members: int, weight: int) -> np.ndarray:
    """Return the words with the given ranks among all words of this weight.

    Ranks are read in the combinatorial number system, for all words at once: the bit of member m is
    set if comb(m, k) is the largest such number not above the rank.
    Source: Knuth, *The Art of Computer Programming* 4A, section 7.2.1.3, theorem L.

    Args:
        ranks: (A,) uint64, 0..comb(n, w)-1.
        members: n, 1..64.
        weight: w, 0..n.

    Returns:
        (A,) uint64.
    """
    left = np.full(len(ranks), weight)
    ranks = ranks.astype(np.uint64)
    packed = np.zeros(len(ranks), np.uint64)
    for member in reversed(range(members)):
        below = np.array([comb(member, k) for k in range(weight + 1)], dtype=np.uint64)[left]
        bit = (left > 0) & (ranks >= below)
        packed[bit] |= np.uint64(1) << np.uint64(member)
        ranks = ranks - below * bit
        left = left - bit
    return packed
