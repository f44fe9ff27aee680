"""Decoys: held-out images as phantom units, which no member trained on, tested like real ones.

A decoy's code word is drawn by the same steps as those of units added to a run. Real and decoy units go
through every step together: likeness, joint model, weights and tests. Whatever breaks the claim that
the words are exchangeable, or lets a unit's own word into its test, shows in the decoys.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
import pandas as pd

from encoded_ensembles.codes.assignment import count_free
from encoded_ensembles.codes.encode import Words, encode
from encoded_ensembles.codes.families import Family, family_of
from encoded_ensembles.codes.words import pack
from encoded_ensembles.influence.contrast import pulls
from encoded_ensembles.influence.multiplicity import learnt_weights, weighted_q, weights_of
from encoded_ensembles.influence.naming import STATISTICS, Test, test_units
from encoded_ensembles.influence.observer import DECOYS, Observed, Observer
from encoded_ensembles.randomness import name_digests


def count_decoys(units: int, heldout: int, null_words: int, family: Family) -> int:
    """Return the number of decoys of each draw: as many as units, if images and words suffice.

    At least half of the words that are free remain free, for the null distribution.
    """
    free = count_free(units, family=family, limit=null_words + 2 * DECOYS) - null_words
    return max(0, min(units, heldout, DECOYS, free // 2))


def decoy_words(
    names: np.ndarray,
    code: np.ndarray,
    null_words: np.ndarray,
    family: Family,
    *,
    count: int,
    seed: int,
    draw: int,
) -> np.ndarray:
    """Return code words of decoys, (V, n) bool, drawn beside the words of the units.

    Args:
        names: (U,) names of the units.
        code: (U, n) bool.
        null_words: (R, n) bool, of the code.
        family: of the code.
        count: V.
        seed: of the code.
        draw: number of the draw; each has other words.
    """
    digests = name_digests(names.tolist())
    order = np.argsort(digests)
    ledger = Words(digests[order], pack(code)[order], pack(null_words))
    # A NUL cannot be in the name of a unit.
    decoys = [f"decoy\0{draw}\0{number:06d}" for number in range(count)]
    both, _, _ = encode(
        [*names.tolist(), *decoys], family, null_words=len(null_words), seed=seed, ledger=ledger
    )
    return both[len(names) :]


def decoy_rows(
    tests: dict[str, Test], order: np.ndarray, *, units: int, level: float, learnt: bool = False
) -> pd.DataFrame:
    """Return what one draw of decoys shows, one row per statistic.

    Args:
        tests: of units and decoys together, (U + V, B) each; the first U are real.
        order: (B, U + V), most alike first.
        units: U.
        level: largest q of an attributed unit.
        learnt: whether weights are learnt.

    Returns:
        statistic; tests of decoys, and small, those with p <= 0.05, of which the joint score's are those that it
        was computed for; attributed, pairs of real units and decoys tested together, and false, the decoys
        among them; factor, the weight of all pairs over that of decoys, in which shares they are named if
        none has an influence; samples, and samples_false, those with an attributed decoy if decoys are
        tested alone.
    """
    alone = np.stack([row[row >= units] - units for row in order])
    rows = []
    for name in STATISTICS:
        p, tested = tests[name].p, ~np.isnan(tests[name].value[units:])
        weight, weight_alone = (
            learnt_weights(given, near) if learnt else weights_of(near)
            for given, near in ((p, order), (p[units:], alone))
        )
        attributed = weighted_q(p, weight) <= level
        by_chance = weighted_q(p[units:], weight_alone) <= level
        rows.append(
            {
                "statistic": name,
                "tests": int(tested.sum()),
                "small": int((p[units:] <= 0.05)[tested].sum()),
                "attributed": int(attributed.sum()),
                "false": int(attributed[units:].sum()),
                "factor": float(weight.sum() / weight[units:].sum()),
                "samples": len(order),
                "samples_false": int(by_chance.any(axis=0).sum()),
            }
        )
    return pd.DataFrame(rows)


class Watch:
    """Observers of the real units, and of the units with the decoys of each draw."""

    def __init__(
        self,
        code: Mapping[str, np.ndarray],
        training: np.ndarray,
        heldout: np.ndarray,
        *,
        see: Callable[[np.ndarray], np.ndarray],
        likeness: Callable[[np.ndarray, np.ndarray], np.ndarray],
        candidates: int,
        draws: int,
        seed: int,
        single: bool = False,
    ) -> None:
        """Start with no level.

        Args:
            code: arrays of code.npz.
            training: (N, H, W, C) uint8.
            heldout: (M, H, W, C) uint8.
            see: maps images to what members see, (N, c, h, w).
            likeness: maps images and their units (N,) to the order (B, U), most alike first.
            candidates: K, units decoded jointly for each sample.
            draws: number of draws of decoys.
            seed: of the words of decoys.
            single: as in `Observer`.
        """
        matrix, unit_of = code["code"], code["unit_of"]
        family = family_of(code)
        count = count_decoys(len(matrix), len(heldout), len(code["null_words"]), family)
        images = np.concatenate([training, heldout[: count if draws else 0]])
        seen = see(images).reshape(len(images), -1)
        self._training, self._decoys = seen[: len(training)], seen[len(training) :]
        self._unit_of, order = unit_of, likeness(training, unit_of)
        self.real = Observer(
            self._training, unit_of, matrix, order, candidates=candidates, single=single
        )
        self.words: list[np.ndarray] = []
        self.phantoms: list[Observer] = []
        if not len(self._decoys):
            return
        both_of = np.concatenate([unit_of, len(matrix) + np.arange(count)])
        order = likeness(images, both_of)
        for draw in range(draws):
            words = decoy_words(
                code["unit_names"], matrix, code["null_words"], family,
                count=count, seed=seed, draw=draw,
            )  # fmt: skip
            self.words.append(words)
            both = np.concatenate([matrix, words])
            self.phantoms.append(
                Observer(seen, both_of, both, order, candidates=candidates, sizes=(), single=single)
            )

    def add(self, estimate: np.ndarray, *, decode: bool) -> None:
        """Add the estimates (n, B, C, H, W) of one level; decode them jointly or not."""
        flat = estimate.reshape(*estimate.shape[:2], -1)
        pull = pulls(flat, self._training, self._unit_of)
        self.real.add(estimate, pull, decode=decode)
        if self.phantoms:  # pulls do not depend on words, so they are those of all draws
            towards = pulls(flat, self._decoys, np.arange(len(self._decoys)))
            pull = np.concatenate([pull, towards], axis=1)
        for observer in self.phantoms:
            observer.add(estimate, pull, decode=decode)

    def decoy_arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays of the decoys of all draws."""
        return {
            f"{draw}_{name}": array
            for draw, (words, observer) in enumerate(zip(self.words, self.phantoms, strict=True))
            for name, array in {"words": words, **observer.observed().arrays()}.items()
        }


def read_decoys(arrays: Mapping[str, np.ndarray]) -> Iterator[tuple[np.ndarray, Observed]]:
    """Yield the words (V, n) and observations of each draw in the arrays of `decoy_arrays`."""
    draw = 0
    while f"{draw}_words" in arrays:
        prefix = f"{draw}_"
        own = {
            name.removeprefix(prefix): array
            for name, array in arrays.items()
            if name.startswith(prefix)
        }
        yield own.pop("words"), Observed.read(own)
        draw += 1


def check_table(
    drawn: Iterable[tuple[np.ndarray, Observed]],
    code: np.ndarray,
    words: np.ndarray,
    *,
    level: float,
    learnt: bool = False,
) -> pd.DataFrame:
    """Return what all draws of decoys show, one row per statistic.

    Args:
        drawn: words (V, n) and observations of units and decoys, for each draw.
        code: (U, n) bool.
        words: (R, n) bool, words of no unit, among them those of decoys.
        level: largest q of an attributed unit.
        learnt: whether weights are learnt.

    Returns:
        the columns of `decoy_rows` added over draws; draws; and share (small / tests), false_share
        (false / attributed) and samples_share (samples_false / samples), each with low and high: a 95 %
        interval over draws by Student's t, NaN unless two draws have the share and differ in it. false_most, at
        most 1, is false_share times `factor`: each unit counts as one that could be named by chance, in
        proportion to its weight.
    """
    packed = pack(words)
    rows = []
    for draw, (given, observed) in enumerate(drawn):
        free = words[~np.isin(packed, pack(given))]
        both = np.concatenate([code, given])
        tests = test_units(observed, both, free)
        part = decoy_rows(tests, observed.order, units=len(code), level=level, learnt=learnt)
        rows.append(part.assign(draw=draw))
    if not rows:
        ends = ("", "_low", "_high")
        names = [*SHARES, "false_most"]
        return pd.DataFrame(columns=[*COUNTS, *(f"{name}{end}" for name in names for end in ends)])
    together = pd.concat(rows)
    table = _shares(together.drop(columns="factor"))
    factor = together.groupby("statistic", sort=False)["factor"].mean().to_numpy()
    for end in ("", "_low", "_high"):
        table[f"false_most{end}"] = (factor * table[f"false_share{end}"]).clip(upper=1)
    return table


COUNTS = ["statistic", "tests", "small", "attributed", "false", "samples", "samples_false", "draws"]
SHARES = {
    "share": ("small", "tests"),
    "false_share": ("false", "attributed"),
    "samples_share": ("samples_false", "samples"),
}


def _shares(rows: pd.DataFrame) -> pd.DataFrame:
    """Return sums and shares of `decoy_rows`, with intervals over draws."""
    from scipy.stats import t

    table = rows.groupby("statistic", sort=False).sum().drop(columns="draw")
    table["draws"] = rows["draw"].nunique()
    for name, (part, whole) in SHARES.items():
        table[name] = table[part] / table[whole].where(table[whole] > 0)
        each = (rows[part] / rows[whole].where(rows[whole] > 0)).groupby(rows["statistic"])
        known, spread = each.count().to_numpy(), each.std(ddof=1)
        half = t.ppf(0.975, np.maximum(known - 1, 1)) * spread.where(spread > 0) / np.sqrt(known)
        table[f"{name}_low"] = (table[name] - half).clip(lower=0)
        table[f"{name}_high"] = (table[name] + half).clip(upper=1)
    return table.reset_index()
