"""Keep masks: which members stay when samples are drawn."""

from math import comb

import numpy as np

from encoded_ensembles.codes.words import unpack, unrank


def ablation_keep(words: np.ndarray) -> np.ndarray:
    """Return the keep masks that ablate one word each: the members not in the word.

    Args:
        words: (A, n) bool.

    Returns:
        (A, n) bool.
    """
    return ~words


def set_keep(words: np.ndarray) -> np.ndarray:
    """Return the keep mask that ablates several units at once: the members that saw none of them.

    Args:
        words: (k, n) bool, the words of the units.

    Returns:
        (n,) bool; all False if every member saw one of them.
    """
    return np.logical_not(words.any(axis=0))


def kept_sizes(*, members: int, weight: int, wanted: list[int] | None) -> list[int]:
    """Return the numbers of kept members to evaluate, ascending.

    Args:
        members: n.
        weight: w.
        wanted: numbers to evaluate besides 1, n-w and n; None means 3. Numbers above n are left out.
    """
    between = [3] if wanted is None else wanted
    return sorted({1, members - weight, members, *(k for k in between if k <= members)})


def sized_keep(*, members: int, sizes: list[int], repeats: int, seed: int) -> np.ndarray:
    """Draw keep masks of given sizes, distinct within a size.

    Args:
        members: n.
        sizes: numbers of members kept, each 1..n.
        repeats: masks per size (fewer if fewer exist).
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
            ranks = rng.choice(comb(members, size), size=count, replace=False)
            rows.append(unpack(unrank(ranks, members=members, weight=size), members=members))
    return np.concatenate(rows)
