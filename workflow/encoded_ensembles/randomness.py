"""Keyed randomness: what is drawn follows from names, never from positions or order of calls.

Philox is a counter-based generator: (key, counter) gives the stream at once, without drawing what
comes before it. Two members that both hold an image thus draw the same numbers for it, and an image
that comes or goes changes the numbers of no other.

Source: Salmon et al., *Parallel random numbers: as easy as 1, 2, 3*, SC 2011.
"""

import hashlib
from collections.abc import Iterable
from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a stream is for; streams of different purposes never overlap."""

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
    """Return the stream that belongs to (seed, purpose, key, counter).

    Args:
        seed: 0..2^64-1, from the configuration.
        purpose: what for.
        key: 0..2^64-1, whom the numbers are for, such as `name_key` of an image.
        counter: 0..2^64-1, which use it is, such as the epoch.
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


def turns(names: Iterable[str], *, seed: int, purpose: Purpose, counter: int = 0) -> np.ndarray:
    """Draw when each name's turn comes, (U,) float64 in 0..1.

    A name's turn follows from (seed, purpose, name, counter): it stays when others come or go.
    """
    return np.array(
        [
            generator(seed=seed, purpose=purpose, key=name_key(name), counter=counter).random()
            for name in names
        ]
    )


def name_digests(names: Iterable[str]) -> np.ndarray:
    """Return the SHA-256 of each name in hexadecimal, (U,) S64; the order is kept."""
    return np.array(
        [hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest() for name in names],
        "S64",
    )
