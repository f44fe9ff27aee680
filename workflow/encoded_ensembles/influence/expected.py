"""Exposure-calibrated attribution: the expected influence of a pair, given the facts about it.

The contrasts of all (unit, sample) pairs are a large, noisy, unbiased training set: a small model
learns from them the pull to expect from the similarity of unit and sample. That is the *prior* of a
pair. Empirical Bayes then combines it with the pair's own contrast, weighted by the noise of the
contrast: the *expected* influence of the pair, with an interval.

Source: Efron & Morris, *Data analysis using Stein's estimator*, JASA 70, 1975, for the weights.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from encoded_ensembles.influence.contrast import weighed_contrasts
from encoded_ensembles.randomness import Purpose, generator

SAMPLE_FOLDS = 5
LEARNT = 200_000  # largest number of pairs that a model learns from
TIE = 1e-3  # share of the raw prediction added to the isotonic one; it breaks ties in float32 too
LEAST = 0.01  # slope of the line that draws predictions together, above 0: the order of units stays
BINS = 10  # bins of the prior, in each of which the spread of true influences is estimated
SCALES = (0.5, 1.0, 2.0, 4.0)  # kernel widths, in distances of a sample's tenth nearest unit


class Facts(NamedTuple):
    """Facts about every (unit, sample) pair that do not depend on code words."""

    values: np.ndarray  # (U, B, F) float32
    names: list[str]  # F
    rising: np.ndarray  # (F,) int: 1 if influence cannot fall as the fact rises, 0 if unknown


class Posterior(NamedTuple):
    """The expected influence of pairs."""

    prior: np.ndarray  # (U, B): from likeness alone
    mean: np.ndarray  # (U, B): with the pair's own contrast
    spread: np.ndarray  # (U, B): standard deviation of the true influence about the mean


def likeness(distance: np.ndarray, name: str) -> dict[str, np.ndarray]:
    """Return facts derived from the distance of units from samples.

    Closeness: the distance, negated, in units of the sample's tenth nearest unit. Order: minus the
    logarithm of the unit's rank. Share: the logarithm of the unit's weight in a softmax over all units
    with a Gaussian kernel, for several widths of the kernel; the ideal denoiser of the training set
    weighs its images in this way at several noise levels.

    Args:
        distance: (U, B), at least 0.
        name: name of the distance.

    Returns:
        an array (U, B) for each fact.
    """
    tenth = np.sort(distance, axis=0)[min(9, len(distance) - 1)]
    scaled = distance / np.where(tenth > 0, tenth, 1)
    rank = np.argsort(np.argsort(distance, axis=0, kind="stable"), axis=0) + 1
    facts = {f"{name} closeness": -scaled, f"{name} order": -np.log(rank)}
    for scale in SCALES:
        vote = -np.square(scaled / scale) * 4
        vote -= vote.max(axis=0)
        facts[f"{name} share {scale:g}"] = vote - np.log(np.exp(vote).sum(axis=0))
    return facts


def variances(pull: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Return the variance of contrasts over all words of the same weight: their noise.

    For w of n members drawn without replacement it is s^2 n / (w (n - w)), s^2 the variance of the
    pulls over members.

    Args:
        pull: (B, U, n).
        words: (U, n) bool.

    Returns:
        (U, B) float64; NaN for a word with no member, or with all.
    """
    members, weight = pull.shape[2], words.sum(axis=1)
    spread = pull.astype(np.float64).var(axis=2, ddof=1).T if members > 1 else np.nan
    with np.errstate(divide="ignore"):
        scale = np.where(
            (weight > 0) & (weight < members), members / (weight * (members - weight)), np.nan
        )
    return spread * scale[:, None]


def gather_facts(
    methods: dict[str, np.ndarray], *, labels: np.ndarray, sensitivity: np.ndarray
) -> Facts:
    """Return the facts of each pair; the first is the closeness of the pixels.

    Label: the share of the ten units nearest to the sample that have the unit's label.

    Args:
        methods: scores (U, B) by name: pixels and features are negated distances; those whose names
            begin with trak., d-trak. or retrac. are used unchanged, in units of their spread.
        labels: (U,) labels of the units.
        sensitivity: (B,), how far each sample moves when members are dropped.
    """
    facts = likeness(-methods["pixels"], "pixels") | likeness(-methods["features"], "features")
    for name, scores in methods.items():
        if name.startswith(("trak.", "d-trak.", "retrac.")):
            spread = scores.std(axis=0)
            facts[name] = scores / np.where(spread > 0, spread, 1)
    rising = [1] * len(facts)
    near = np.argsort(-methods["pixels"], axis=0, kind="stable")[:10]
    facts["label"] = (labels[near][None] == labels[:, None, None]).mean(axis=1)
    facts["sensitivity"] = np.broadcast_to(sensitivity, methods["pixels"].shape)
    values = np.stack(list(facts.values()), axis=2).astype(np.float32)
    return Facts(values, list(facts), np.array([*rising, 1, 0]))


def of_members(
    pull: np.ndarray, code: np.ndarray, members: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return contrasts (U, B) of some of the members, and their variances.

    Args:
        pull: (B, U, n).
        code: (U, n) bool.
        members: (n,) bool.
    """
    words = np.broadcast_to(code, pull.shape)
    contrast = weighed_contrasts(pull.astype(np.float64), words, members[:, None].astype(float))
    return contrast[..., 0].T, variances(pull[:, :, members], code[:, members])


def compare(
    predicted: np.ndarray, found: np.ndarray, *, bins: int = 20
) -> list[tuple[int, float, float, float, int]]:
    """Compare predicted with measured contrasts, in bins of equal numbers of pairs.

    Pairs of a unit share its word, so the standard error takes the units as what was drawn.

    Args:
        predicted: predicted contrasts (..., U, B).
        found: measured contrasts, of the same shape, NaN where unknown.
        bins: number of bins.

    Returns:
        for each bin its number, mean predicted, mean found, its standard error (NaN for a single unit), and
        number of pairs.
    """
    units = np.broadcast_to(np.arange(found.shape[-2])[:, None], found.shape).ravel()
    predicted, found = predicted.ravel(), found.ravel()
    order = np.argsort(predicted, kind="stable")
    order = order[np.isfinite(found[order])]
    rows = []
    for number, part in enumerate(np.array_split(order, bins)):
        if len(part):
            mean, count = found[part].mean(), len(np.unique(units[part]))
            sums = np.bincount(units[part], found[part] - mean)
            spread = np.square(sums).sum() * count / (count - 1) if count > 1 else np.nan
            error = np.sqrt(spread) / len(part)
            rows.append(
                (number, float(predicted[part].mean()), float(mean), float(error), len(part))
            )
    return rows


def strength(pull: np.ndarray) -> np.ndarray:
    """Return how strongly members pull each sample: the root mean square of the pulls, (B,) > 0.

    Args:
        pull: (B, U, n).
    """
    size = np.sqrt(np.square(pull, dtype=np.float64).mean(axis=(1, 2)))
    return np.where(size > 0, size, 1)


def make_model(kind: str, rising: np.ndarray) -> Any:
    """Return an untrained model of scikit-learn that predicts a contrast from facts.

    isotonic: a monotone function of the first fact alone. linear: ridge regression on all facts.
    boosted: gradient-boosted trees, monotone in each rising fact.

    Args:
        kind: isotonic, linear or boosted.
        rising: (F,), 1 or 0.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import LinearRegression, RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if kind == "isotonic":  # a line, which `predict_prior` then maps by an isotonic function
        return LinearRegression()
    if kind == "linear":
        return make_pipeline(StandardScaler(), RidgeCV(np.logspace(-2, 6, 9)))
    return HistGradientBoostingRegressor(
        max_iter=150,
        learning_rate=0.05,
        max_leaf_nodes=8,
        min_samples_leaf=200,
        l2_regularization=10.0,
        monotonic_cst=rising,
        early_stopping=False,
        random_state=0,
    )


LIKENESS = ("pixels", "features")  # scores that make facts without a member or a gradient
KINDS = ("isotonic", "linear", "boosted")


def predict_prior(
    facts: Facts, contrast: np.ndarray, scale: np.ndarray, *, kind: str, seed: int
) -> np.ndarray:
    """Return the prior influence of each pair, learnt from the pairs of other samples; 0 if there are none.

    Samples differ in how strongly members pull them. Contrasts are learnt in units of `scale`, so
    that all samples have the same weight and predictions are proportional to it.

    Args:
        facts: facts of the pairs.
        contrast: (U, B), NaN where unknown.
        scale: (B,), above 0: how strongly members pull each sample.
        kind: kind of `make_model`.
        seed: seed of the folds of samples, and of the choice of pairs if there are too many.

    Returns:
        (U, B) float64.
    """
    units, samples = contrast.shape
    rng = generator(seed=seed, purpose=Purpose.EXPECTING, key=0)
    fold = rng.permutation(samples) % min(SAMPLE_FOLDS, samples)
    table = (facts.values[:, :, :1] if kind == "isotonic" else facts.values).astype(np.float64)
    target = contrast / scale
    known = np.isfinite(target)
    prior = np.zeros((units, samples))
    for number in np.unique(fold):
        in_fold = fold == number
        learnt = np.flatnonzero((known & ~in_fold).ravel())
        if len(learnt) > LEARNT:
            learnt = np.sort(rng.choice(learnt, LEARNT, replace=False))
        if len(learnt) < 2:
            continue
        rows, targets = table.reshape(-1, table.shape[2])[learnt], target.ravel()[learnt]
        predict = _fit_shrunk(kind, facts.rising, rows, targets, fold[learnt % samples])
        each = predict(table[:, in_fold].reshape(-1, table.shape[2]))
        prior[:, in_fold] = each.reshape(units, -1)
    return prior * scale


def _fit(
    kind: str, rising: np.ndarray, rows: np.ndarray, targets: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """Return the prediction (K,) from facts (K, F) of a model trained on rows (N, F) and targets (N,).

    Predictions of a linear model are calibrated by a monotone function, so that they match contrasts on
    average; a small share of the raw prediction keeps the order of units that this makes equal.
    """
    from sklearn.isotonic import IsotonicRegression

    model = make_model(kind, rising).fit(rows, targets)
    if kind == "boosted":  # trees fit a curve by themselves
        return model.predict
    calibration = IsotonicRegression(out_of_bounds="clip").fit(model.predict(rows), targets)

    def predict(values: np.ndarray) -> np.ndarray:
        raw = model.predict(values)
        return calibration.predict(raw) + TIE * raw

    return predict


def _fit_shrunk(
    kind: str, rising: np.ndarray, rows: np.ndarray, targets: np.ndarray, fold: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """Return the prediction of `_fit`, drawn together by a line so that samples it has not seen have what is predicted.

    A model of few noisy contrasts is too extreme for new samples. How much shows on each fold (N,), predicted from the
    others: the line is that of targets on these predictions, within folds, since the mean that the others predict for a
    fold falls as its own rises. Its slope is at most 1, and 1 where it cannot be measured: rows of one fold, or too few for
    models that differ from a constant.
    """
    predict, numbers = _fit(kind, rising, rows, targets), np.unique(fold)
    if len(numbers) < 2:
        return predict
    spread = along = 0.0
    for number in numbers:
        out = fold == number
        unseen = _fit(kind, rising, rows[~out], targets[~out])(rows[out])
        unseen -= unseen.mean()
        spread, along = spread + unseen @ unseen, along + unseen @ targets[out]
    constant = spread <= TIE**2 * (targets @ targets)
    slope = 1.0 if constant else float(np.clip(along / spread, LEAST, 1))
    mean = targets.mean()
    return lambda values: mean + slope * (predict(values) - mean)


def combine(
    prior: np.ndarray, contrast: np.ndarray, noise: np.ndarray, scale: np.ndarray
) -> Posterior:
    """Return the posterior from the prior and each pair's own contrast.

    All are taken in units of how strongly members pull each sample. In each of `BINS` bins of the prior the variance of
    the true influences is estimated by that of the contrasts about the prior minus their mean noise. This may be negative;
    its standard error, in which the pairs of a unit count as one since they share its word, gives its distribution, and the
    mean of that above 0 is taken: where a bin holds several units, influences are never known for certain, and no interval
    has the width zero. If a contrast is unknown, the prior stays.

    Args:
        prior: (U, B).
        contrast: (U, B), NaN where unknown.
        noise: (U, B), variances of the contrasts.
        scale: (B,), above 0: how strongly members pull each sample.
    """
    from scipy.stats import norm

    prior, contrast, noise = prior / scale, contrast / scale, noise / np.square(scale)
    known = np.isfinite(contrast) & (noise > 0)
    edges = np.quantile(prior, np.linspace(0, 1, BINS + 1)[1:-1])
    bin_of = np.searchsorted(edges, prior, side="right")
    error = np.where(known, contrast - prior, 0)
    excess = np.square(error) - np.where(known, noise, 0)
    cell = (np.arange(len(prior))[:, None] * BINS + bin_of)[known]
    shape = (len(prior), BINS)
    count = np.bincount(cell, minlength=math.prod(shape)).reshape(shape)
    total = np.bincount(cell, excess[known], minlength=math.prod(shape)).reshape(shape)
    pairs = np.maximum(count.sum(axis=0), 1)
    mean = total.sum(axis=0) / pairs
    uncertain = np.sqrt(np.square(total - mean * count).sum(axis=0)) / pairs
    true = np.maximum(mean, 0)
    above = uncertain > 0
    ratio = mean[above] / uncertain[above]
    true[above] = mean[above] + uncertain[above] * np.exp(norm.logpdf(ratio) - norm.logcdf(ratio))
    true = true[bin_of]
    share = np.divide(true, true + noise, out=np.zeros(prior.shape), where=known & (true > 0))
    spread = np.sqrt(np.where(known, true * (1 - share), true))
    return Posterior(prior * scale, (prior + share * error) * scale, spread * scale)
