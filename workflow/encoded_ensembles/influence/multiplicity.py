"""Multiplicity: false discovery rates over the units of a sample, with weights from likeness.

Benjamini and Hochberg's procedure shares the error evenly over all units. With weights of mean one, a unit
of weight v is tested as if its p-value were p / v: likely units get more of the error, unlikely ones less,
and the false discovery rate over the sample's units stays at most q. Weights must not depend on
the units' own code words: then a unit without effect has a p-value that is uniform given its weight.
The proof is for p-values that are independent given the weights, or positively dependent; those of one
sample share its estimates, and decoys bound the rate that results (`influence.decoys`).

Sources: Genovese, Roeder & Wasserman, *False discovery control with p-value weighting* (2006);
Ignatiadis & Huber, *Covariate powered cross-weighted multiple testing* (2021), for learnt weights.
"""

import numpy as np

from encoded_ensembles.influence.joint import rank_weights

FOLDS = 5
STRATA = 12  # groups of units of similar rank, in which learnt weights are constant


def weights_of(order: np.ndarray) -> np.ndarray:
    """Return weights proportional to 1 / rank of likeness, of mean one within each sample.

    Args:
        order: (B, U) int64, units of each sample, most alike first.

    Returns:
        (U, B) float64.
    """
    samples, units = order.shape
    weights = np.empty((units, samples))
    np.put_along_axis(weights, order.T, rank_weights(units)[:, None], axis=0)
    return weights


def weighted_q(p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weighted false discovery rate of each unit of each sample.

    Args:
        p: (U, B), in (0, 1].
        weights: (U, B), above 0, of mean one within each sample; ones give Benjamini and Hochberg's q.

    Returns:
        (U, B), in (0, 1].
    """
    from scipy.stats import false_discovery_control  # importing it takes a second

    return false_discovery_control(np.minimum(p / weights, 1), axis=0)


def learnt_weights(p: np.ndarray, order: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Return weights by rank of likeness, learnt for each fold of units from the other folds.

    One word serves all samples of a unit, so folds are of units, not of pairs. A stratum of ranks
    gets the share of p-values that are small there, in excess of the share expected by chance.

    Args:
        p: (U, B).
        order: (B, U) int64, units of each sample, most alike first.
        seed: of the folds.

    Returns:
        (U, B), of mean one within each sample. That mean is over all folds, so a unit's own p-value has a small part
        in its weight: a smaller p-value makes the weights of other folds larger, and its own smaller.
    """
    units = len(p)
    rank = np.empty(p.shape, np.int64)
    np.put_along_axis(rank, order.T, np.arange(units)[:, None], axis=0)
    edges = np.unique(np.geomspace(1, units + 1, STRATA + 1).astype(int)) - 1
    stratum = np.searchsorted(edges, rank, side="right") - 1
    fold = np.random.default_rng(seed).permutation(units) % FOLDS
    weights = np.empty(p.shape)
    for number in range(FOLDS):
        others = fold != number
        count = np.bincount(stratum[others].ravel(), minlength=len(edges))
        small = np.bincount(
            stratum[others].ravel(), weights=(p[others] <= 0.05).ravel(), minlength=len(edges)
        )
        excess = np.maximum(small / np.maximum(count, 1) - 0.05, 0.005)
        weights[~others] = excess[stratum[~others]]
    return weights / weights.mean(axis=0)
