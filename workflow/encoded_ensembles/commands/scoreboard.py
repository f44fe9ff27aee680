"""encens score-methods: every attribution method against every kind of truth the run has."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import pandas as pd

LEVEL = 0.05  # false discovery rate at which statistics attribute planted units


def score_methods(
    scores: Annotated[Path, Option(help="scores, .safetensors of expect-influence")],
    areas: Annotated[Path, Option(help="areas, .parquet of grade-methods")],
    draws: Annotated[Path, Option(help="bootstrap, .safetensors of grade-methods")],
    code: Annotated[Path, Option(help="code, .npz of encode-units")],
    samples: Annotated[Path, Option(help="samples, .safetensors of sample-ensemble")],
    heldout: Annotated[Path, Option(help="held-out images, .npz: reference of the features")],
    cost: Annotated[Path, Option(help="member evaluations by method, .json of score-rivals")],
    output: Annotated[Path, Option(help="output, .parquet with .csv: one row per (method, grade)")],
    truth: Annotated[
        Path, Option(help="output, .parquet with .csv: one row per (sample, retrained unit)")
    ],
    agreement: Annotated[
        Path, Option(help="output, .parquet with .csv: agreement of the gain with each other grade")
    ],
    influence: Annotated[
        Path | None, Option(help="statistics of ablation, .parquet of measure-influence")
    ] = None,
    retrained: Annotated[Path | None, Option(help="samples, of sample-controls")] = None,
    controls: Annotated[Path | None, Option(help="units, .parquet of choose-controls")] = None,
    models: Annotated[Path | None, Option(help="measured, of measure-heldout")] = None,
    planted: Annotated[Path | None, Option(help="planted truth, .parquet of find-planted")] = None,
    classifier: Annotated[Path | None, Option(help="weights of train-classifier")] = None,
    inception: Annotated[
        Path | None, Option(help="the TorchScript file inception-2015-12-05.pt")
    ] = None,
    foreign: Annotated[
        list[str] | None, Option(help="NAME=FILE, scores of another method; may be repeated")
    ] = None,
    device: Annotated[str, Option(help="auto, cpu, cuda or cuda:N")] = "auto",
) -> None:
    """Grade every attribution method against every kind of truth that the run has.

    output: method, grade, value, low, high (95 %, bootstrap). Grades: gain (area under the exposure
    gain curve), within_samples and within_units (Spearman with how far samples move in retraining),
    auc (finding the tenth of units that move a sample most), within_near and within_random (within
    samples, by how the units were chosen), lds_loss and lds_features (linear datamodeling score),
    planted_top and planted_false (share of samples bearing a plant, and of the others, whose first
    unit is planted), planted_recall (share of the planted units among the first ten, or as many as
    there are), planted_found and planted_wrong (share of these samples to which a planted unit is
    attributed, q <= 0.05), evaluations. truth: sample,
    unit, unit_name, chosen (random, near or named), same, fresh, seed: how far each sample moves when the unit is left out, on
    the same random numbers, with a fresh seed, and by the fresh seed alone.
    """
    import numpy as np
    import pandas as pd

    from encoded_ensembles import scoreboard
    from encoded_ensembles.files import (
        read_arrays,
        read_facts,
        read_table,
        read_tensors,
        write_table,
    )
    from encoded_ensembles.foreign import read_foreign
    from encoded_ensembles.scoreboard import Grade

    names = read_arrays(code)["unit_names"]
    factual = read_tensors(samples, names=["factual"])["factual"]
    methods = {
        name: each
        for name, each in read_tensors(scores).items()
        if "/" not in name and name != "member_folds"
    }
    methods |= read_foreign(foreign or [], names=names, samples=len(factual))
    shape = (len(names), len(factual))
    statistics = read_table(influence) if influence else pd.DataFrame()
    methods |= _statistics(statistics, shape=shape)
    gain = read_table(areas)
    grades = [
        Grade(str(name), "gain", *values)
        for name, values in zip(
            gain["method"], gain[["area", "low", "high"]].to_numpy(), strict=True
        )
    ]
    drawn = {"gain": read_tensors(draws)}
    table = pd.DataFrame(columns=["sample", "unit", "unit_name", "chosen", "same", "fresh", "seed"])
    if retrained and controls:
        chosen = read_table(controls)
        moved = _moved(read_tensors(retrained), factual)
        table = _truth_table(chosen, moved)
        units, how = chosen["unit"].to_numpy(), chosen["chosen"].to_numpy(str)
        found, more = scoreboard.by_retraining(methods, units, how, moved["same"])
        grades, drawn = grades + found, drawn | more
    if models:
        held = read_tensors(models)
        features = _features(heldout, classifier, inception, device)
        measured = {"lds_loss": -held["loss"], "lds_features": -_strayed(held, factual, features)}
        found, more = scoreboard.by_models(methods, held["units"], measured)
        grades, drawn = grades + found, drawn | more
    if planted:
        plants = _plants(read_table(planted))
        grades += scoreboard.by_plants(methods, plants)
        grades += scoreboard.attributed_plants(_attributed(statistics, shape=shape), plants)
    grades += [
        Grade(name, "evaluations", value, np.nan, np.nan)
        for name, value in read_facts(cost).items()
        if name in methods
    ]
    write_table(output, pd.DataFrame(grades))
    write_table(truth, table)
    columns = ["first", "second", "methods", "kendall", "low", "high"]
    write_table(agreement, pd.DataFrame(scoreboard.agreement(drawn, grades), columns=columns))


def _statistics(table: "pd.DataFrame", *, shape: tuple[int, int]) -> "dict[str, np.ndarray]":
    """Return the run's statistics as scores, (U, B) each.

    Those whose null distribution is each unit's own are z: their ranks are by it, and units of one
    image and of many cannot be compared otherwise.
    """
    columns = {
        f"ablation {name}": f"{name}_z" if name == "directional" else name
        for name in (each.removesuffix("_rank") for each in table.columns if each.endswith("_rank"))
    }
    if columns:
        del columns["ablation contrast"]
        columns["contrast z"] = "contrast_z"
    return {name: table[each].to_numpy().reshape(shape[::-1]).T for name, each in columns.items()}


def _moved(drawn: "dict[str, np.ndarray]", factual: "np.ndarray") -> "dict[str, np.ndarray]":
    """Return how far samples moved in retraining: (K, B) for each arm."""
    from encoded_ensembles.influence import distances

    return {arm: distances(factual, each) for arm, each in drawn.items() if arm != "units"}


def _truth_table(chosen: "pd.DataFrame", moved: "dict[str, np.ndarray]") -> "pd.DataFrame":
    """Return one row per (sample, retrained unit); empty where an arm has no such unit."""
    import numpy as np
    import pandas as pd

    controls, samples = moved["same"].shape
    row = np.tile(np.arange(controls), samples)
    table = {"sample": np.repeat(np.arange(samples), controls)}
    table |= {name: chosen[name].to_numpy()[row] for name in ("unit", "unit_name", "chosen")}
    for arm in ("same", "fresh", "seed"):
        whole = np.full((controls, samples), np.nan)
        if arm in moved:
            whole[: len(moved[arm])] = moved[arm]
        table[arm] = whole.T.ravel()
    return pd.DataFrame(table)


def _features(
    heldout: Path, classifier: Path | None, inception: Path | None, device: str
) -> "Callable[[np.ndarray], np.ndarray]":
    """Return the features that the run's Frechet distances are taken on."""
    from encoded_ensembles.data import read_images
    from encoded_ensembles.device import choose_device
    from encoded_ensembles.frechet import choose_extractor

    return choose_extractor(
        read_images(heldout).images,
        inception=inception,
        classifier=classifier,
        device=choose_device(device),
    ).features


def _strayed(
    held: "dict[str, np.ndarray]",
    factual: "np.ndarray",
    features: "Callable[[np.ndarray], np.ndarray]",
) -> "np.ndarray":
    """Return how far in features each held-out model's samples are from the factual ones: (M, B)."""
    import numpy as np

    from encoded_ensembles.data import to_bytes

    target = features(to_bytes(factual))
    return np.stack(
        [
            np.mean(
                [np.linalg.norm(features(to_bytes(each)) - target, axis=1) for each in drawn], 0
            )
            for drawn in held["samples"]
        ]
    )


def _plants(table: "pd.DataFrame") -> "dict[str, tuple[np.ndarray, np.ndarray]]":
    """Return for each plant whether each sample bears it, and its units."""
    import numpy as np

    found = {}
    for plant, rows in table.sort_values("sample").groupby("plant"):
        units = [int(number) for number in str(rows["units"].iloc[0]).split(";") if number]
        if units:
            found[str(plant)] = (rows["bears"].to_numpy(bool), np.array(units))
    return found


def _attributed(table: "pd.DataFrame", *, shape: tuple[int, int]) -> "dict[str, np.ndarray]":
    """Return which units each statistic attributes at a false discovery rate of 5 %: (U, B) bool."""
    names = [each.removesuffix("_q") for each in table.columns if each.endswith("_q")]
    return {
        "contrast z" if name == "contrast" else f"ablation {name}": (
            table[f"{name}_q"].to_numpy().reshape(shape[::-1]).T <= LEVEL
        )
        for name in names
    }
