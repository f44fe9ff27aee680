"""Codes: which members train on which units.

Source: Dai & Gifford, arXiv 2306.02174, section on encoded ensembles: every training example gets a
distinct code word of weight n/2; words of equal weight form an antichain, so no unit's word covers
another's.

An assigned word is kept (`Words`, the ledger): adding or removing units does not change the words of
the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from encoded_ensembles.codes.assignment import balance, claim, deal
from encoded_ensembles.codes.families import SHARED, Family, capacity, check_capacity
from encoded_ensembles.codes.words import unpack
from encoded_ensembles.randomness import name_digests
from encoded_ensembles.storage.files import InputError


# DEVIATES: Words by name, and kept.
@dataclass(frozen=True)
class Words:
    """The ledger: words assigned to names, from which the next code starts.

    Attributes:
        names: (U,) SHA-256 of each unit's name in hexadecimal, ascending.
        words: (U,) uint64, bit m for member m.
        null: (R,) uint64, null code words, in the order of their draw.
    """

    names: np.ndarray
    words: np.ndarray
    null: np.ndarray

    @staticmethod
    def none() -> "Words":
        """Return the empty ledger of a first run."""
        return Words(np.zeros(0, "S64"), np.zeros(0, np.uint64), np.zeros(0, np.uint64))


def encode(
    names: Sequence[str], family: Family, *, null_words: int, seed: int, ledger: Words | None = None
) -> tuple[np.ndarray, np.ndarray, Words]:
    """Assign every unit a word, and draw null code words.

    Args:
        names: U distinct names of units, ascending.
        family: kind and size of the code.
        null_words: R.
        seed: of the code.
        ledger: words of earlier runs; its names keep their words, and its words are not assigned
            to other names unless no others are left.

    Returns:
        code (U, n) bool, null words (R, n) bool, and the ledger to keep.

    Raises:
        InputError: the family has too few words, or a member would have no unit.
    """
    check_capacity(family, units=len(names), null_words=null_words)
    past = ledger or Words.none()
    digests = name_digests(names)
    if family.name not in SHARED:
        past = _with_room(past, digests, needed=null_words, capacity=capacity(family))
    words, known = _recall(past, digests)
    fresh = ~known
    if family.name in SHARED:
        words[fresh] = deal(digests[fresh], words[known], family, seed=seed)
        null = past.null[:0]
    else:
        assigned = np.sort(np.concatenate([past.words, past.null]))
        words[fresh] = claim(digests[fresh], assigned, family, seed=seed)
        if family.name == "balanced":
            words = balance(words, fresh, assigned, members=family.members, seed=seed)
        labels = np.array([b"null %d" % i for i in range(len(past.null), null_words)], "S64")
        more = claim(labels, np.sort(np.concatenate([assigned, words])), family, seed=seed)
        null = np.concatenate([past.null, more])
    code = unpack(words, members=family.members)
    empty = np.flatnonzero(~code.any(axis=0))
    if len(empty):
        raise InputError(
            f"{len(names)} units on {family.members} members leave member {empty[0]} without a "
            "unit; use more units, fewer members, a larger code.weight or another code.seed."
        )
    kept = Words(*_merge(past, digests[fresh], words[fresh]), null)
    return code, unpack(null[:null_words], members=family.members), kept


def _recall(past: Words, digests: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the words of names in the ledger (0 for others), and which names are in it."""
    words, known = np.zeros(len(digests), np.uint64), np.isin(digests, past.names)
    words[known] = past.words[np.searchsorted(past.names, digests[known])]
    return words, known


def _with_room(past: Words, digests: np.ndarray, *, needed: int, capacity: int) -> Words:
    """Return the ledger; without the words of removed units if others need them."""
    present = np.isin(past.names, digests)
    null = max(needed, len(past.null))
    fresh = len(digests) - int(present.sum())
    if len(past.names) + fresh + null <= capacity:
        return past
    return Words(past.names[present], past.words[present], past.null[:needed])


def _merge(past: Words, names: np.ndarray, words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the names and words of the ledger with the new ones, by ascending name."""
    all_names = np.concatenate([past.names, names])
    order = np.argsort(all_names, kind="stable")
    return all_names[order], np.concatenate([past.words, words])[order]
