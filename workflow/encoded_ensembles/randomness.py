"""Keyed randomness: draws depend on names, never on positions or the order of calls.

Philox is a counter-based generator: (key, counter) gives the stream directly, without drawing the
numbers before it. Two members that train on the same image thus draw the same numbers for it, and
adding or removing an image changes the numbers of no other.

Source: Salmon et al., *Parallel random numbers: as easy as 1, 2, 3*, SC 2011.
"""

import hashlib
from collections.abc import Iterable
from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """The use of a stream; streams of different purposes never overlap."""

    TRAINING = 1
    SAMPLING = 2
    SELECTION = 3
    RETRAINING = 4
    HELDOUT = 5
    LOSS = 6
    GRADING = 7
    EXPECTING = 8
    RIVALS = 9


def generator(*, seed: int, purpose: Purpose, key: int, counter: int = 0) -> np.random.Generator:
    """Return the random stream of (seed, purpose, key, counter).

    Args:
        seed: 0..2^64-1, from the configuration.
        purpose: the use of the numbers.
        key: 0..2^64-1, the item they belong to, such as `name_key` of an image.
        counter: 0..2^64-1, the number of the use, such as the epoch.
    """
    return np.random.Generator(
        np.random.Philox(
            key=np.array([seed, key], dtype=np.uint64),
            counter=np.array([0, 0, purpose, counter], dtype=np.uint64),
        )
    )


def name_key(name: str) -> int:
    """Return the key of a name: the first 64 bits of its SHA-256."""
    return int.from_bytes(
        hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()[:8], "big"
    )


def own_seed(seed: int, name: str) -> int:
    """Return the seed of a member that shares no random numbers with the others, 0..2^63-1."""
    return name_key(f"{seed} {name}") >> 1


def turns(names: Iterable[str], *, seed: int, purpose: Purpose, counter: int = 0) -> np.ndarray:
    """Draw a sort key for each name, (U,) float64 in [0, 1).

    It depends on (seed, purpose, name, counter) only, not on the other names.
    """
    return np.array(
        [
            generator(seed=seed, purpose=purpose, key=name_key(name), counter=counter).random()
            for name in names
        ]
    )


def name_digests(names: Iterable[str]) -> np.ndarray:
    """Return the SHA-256 of each name in hexadecimal, (U,) S64, in the given order."""
    return np.array(
        [hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest() for name in names],
        "S64",
    )
