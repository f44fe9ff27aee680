"""encens grade-methods: exposure gain curves of all methods, without retraining."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from encoded_ensembles.commands.options.files import Code, Pulls
from encoded_ensembles.commands.options.units import Excluded

if TYPE_CHECKING:
    import numpy as np

SHUFFLES = 20  # shuffles of the code words, under which no method should gain


def grade_methods(
    scores: Annotated[Path, Option(help="scores, .safetensors of expect-influence")],
    pulls: Pulls,
    code: Code,
    gains: Annotated[Path, Option(help="output, .parquet with .csv: one row per (method, k)")],
    areas: Annotated[Path, Option(help="output, .parquet with .csv: one row per method")],
    draws: Annotated[
        Path, Option(help="output, .safetensors: areas (S,) of the bootstrap draws, by method")
    ],
    foreign: Annotated[
        list[str] | None, Option(help="NAME=FILE, scores of another method; repeatable")
    ] = None,
    excluded: Excluded = None,
    bootstrap: Annotated[int, Option(help="S, bootstrap draws")] = 1000,
    seed: Annotated[int, Option(help="seed of the bootstrap and of shuffled words")] = 0,
) -> None:
    """Grade attribution methods by the contrasts of the units that they rank first.

    Grades use samples 1, 3, 5, ...; choices within methods were made on the others. gains:
    method, k, gain (mean contrast of the first k units), low and high (95 %, bootstrap over samples
    and members). areas: method, area (mean gain, k weighted by 1/k), low, high, shuffled (area with
    shuffled code words, mean of 20), shuffled_above (share of these whose interval lies above zero).
    The method "best possible" orders units by the contrasts that grade it: no method can do better,
    and noise alone lifts it above zero.
    """
    import numpy as np
    import pandas as pd

    from encoded_ensembles.codes.assignment import free_words
    from encoded_ensembles.codes.families import family_of
    from encoded_ensembles.data.own_scores import read_foreign
    from encoded_ensembles.grading import gains as grade
    from encoded_ensembles.storage.files import (
        read_arrays,
        read_tensors,
        write_table,
        write_tensors,
    )

    arrays = read_arrays(code)
    matrix = arrays["code"]
    pull = read_tensors(pulls, names=["pulls"])["pulls"]
    scores_of = read_tensors(scores)
    folds = scores_of.pop("member_folds")
    scores_of |= read_foreign(
        foreign or [], names=arrays["unit_names"], samples=len(pull), excluded=excluded or []
    )
    graded = grade.graded_samples(len(pull))
    pull = pull[graded]
    orders = {
        name: _orders(scores_of, name, graded)
        for name in sorted({name.partition("/")[0] for name in scores_of})
    }
    orders["best possible"] = grade.best_orders(pull, matrix, folds)
    kind = family_of(arrays)
    free = free_words(matrix, family=kind, limit=10_000)
    shuffled = [grade.shuffle_words(matrix, free, seed=seed + i) for i in range(SHUFFLES)]
    rows, curves, area_draws = [], [], {}
    for name, order in orders.items():
        result = grade.gains(pull, matrix, order, folds=folds, draws=bootstrap, seed=seed)
        low, high = grade.interval(result.bootstrap)
        k = np.arange(1, len(result.curve) + 1)
        curve = {"method": name, "k": k, "gain": result.curve, "low": low, "high": high}
        curves.append(pd.DataFrame(curve))
        area_draws[name] = grade.area(result.bootstrap)
        shuffled_gains = [
            grade.gains(pull, words, order, folds=folds, draws=200, seed=seed) for words in shuffled
        ]
        above = np.mean(
            [grade.interval(grade.area(each.bootstrap))[0] > 0 for each in shuffled_gains]
        )
        mean = np.mean([grade.area(each.curve) for each in shuffled_gains])
        area_low, area_high = map(float, grade.interval(area_draws[name]))
        rows.append((name, grade.area(result.curve), area_low, area_high, mean, above))
    columns = ["method", "area", "low", "high", "shuffled", "shuffled_above"]
    table = pd.DataFrame(rows, columns=columns).sort_values("area", ascending=False)
    write_table(areas, table.reset_index(drop=True))
    write_table(gains, pd.concat(curves, ignore_index=True))
    write_tensors(draws, area_draws)


def _orders(
    scores: "dict[str, np.ndarray]", name: str, graded: "np.ndarray"
) -> "tuple[np.ndarray, np.ndarray]":
    """Return the units in a method's order for each fold, from scores made without its members."""
    from encoded_ensembles.grading.gains import order_units

    first, second = (scores.get(f"{name}/{fold}", scores[name])[:, graded] for fold in (0, 1))
    return order_units(first), order_units(second)
