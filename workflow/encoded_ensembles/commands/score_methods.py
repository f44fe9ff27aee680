"""encens score-methods: every attribution method against every kind of truth the run has."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from encoded_ensembles.commands.options.features import Classifier, Device, Inception
from encoded_ensembles.commands.options.files import Code, Samples
from encoded_ensembles.commands.options.units import Excluded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np


def score_methods(
    scores: Annotated[Path, Option(help="scores, .safetensors of expect-influence")],
    areas: Annotated[Path, Option(help="areas, .parquet of grade-methods")],
    draws: Annotated[Path, Option(help="bootstrap, .safetensors of grade-methods")],
    code: Code,
    samples: Samples,
    heldout: Annotated[Path, Option(help="held-out images, .npz: reference of the features")],
    cost: Annotated[Path, Option(help="member evaluations by method, .json of score-rivals")],
    output: Annotated[Path, Option(help="output, .parquet with .csv: one row per (method, grade)")],
    truth: Annotated[
        Path, Option(help="output, .parquet with .csv: one row per (sample, retrained unit)")
    ],
    agreement: Annotated[
        Path, Option(help="output, .parquet with .csv: agreement of the gain with each other grade")
    ],
    differences: Annotated[
        Path, Option(help="output, .parquet with .csv: paired differences of methods by grade")
    ],
    rivals: Annotated[
        Path | None,
        Option(
            help="scores of score-rivals: damping is chosen by each truth, on the other half of the samples"
        ),
    ] = None,
    influence: Annotated[
        Path | None, Option(help="statistics of ablation, .parquet of measure-influence")
    ] = None,
    retrained: Annotated[Path | None, Option(help="samples, of sample-controls")] = None,
    controls: Annotated[Path | None, Option(help="units, .parquet of choose-controls")] = None,
    models: Annotated[Path | None, Option(help="held-out models, of measure-heldout")] = None,
    planted: Annotated[Path | None, Option(help="planted truth, .parquet of find-planted")] = None,
    classifier: Classifier = None,
    inception: Inception = None,
    foreign: Annotated[
        list[str] | None, Option(help="NAME=FILE, scores of another method; repeatable")
    ] = None,
    excluded: Excluded = None,
    device: Device = "auto",
) -> None:
    """Grade every attribution method against every kind of truth that the run has.

    output: method, grade, value, low, high (95 %, bootstrap). Grades: gain (area under the exposure
    gain curve), within_samples and within_units (Spearman with how far samples move in retraining),
    auc (for the tenth of units that move a sample most), within_near and within_random (within
    samples, by how the units were chosen), near_first (share of the other retrained units that move a sample less than the
    method's first one does, of samples whose most alike unit is retrained), lds_loss and lds_features (linear datamodeling score),
    planted_top and planted_false (share of samples bearing a plant, and of the others, whose first
    unit is planted), planted_recall (share of the planted units among the first ten, or among the
    first P of P > 10), planted_found and planted_wrong (share of these samples to which a planted unit
    is attributed, q <= 0.05), evaluations. differences: grade, method, other, difference, low, high (95 %,
    both methods on the same draws). truth: sample, unit, unit_name, chosen (random, near or
    named), same, fresh, seed: how far each sample moves when the unit is left out, on the same random
    numbers, with a fresh seed, and by the fresh seed alone.
    """
    import numpy as np
    import pandas as pd

    from encoded_ensembles.data.own_scores import read_foreign
    from encoded_ensembles.grading import scoreboard
    from encoded_ensembles.grading.scoreboard import Grade
    from encoded_ensembles.grading.truth import (
        attributed_units,
        planted_units,
        retraining_distances,
        sample_distances,
        truth_table,
    )
    from encoded_ensembles.storage.files import (
        read_arrays,
        read_columns,
        read_facts,
        read_table,
        read_tensors,
        write_table,
    )

    names = read_arrays(code)["unit_names"]
    factual = read_tensors(samples, names=["factual"])["factual"]
    methods = {
        name: each
        for name, each in read_tensors(scores).items()
        if "/" not in name and name != "member_folds"
    }
    methods |= read_foreign(
        foreign or [], names=names, samples=len(factual), excluded=excluded or []
    )
    shape = (len(names), len(factual))
    columns = read_columns(influence) if influence else []
    if influence:
        methods |= _statistics(influence, columns, shape=shape)
    several = {
        name: each
        for name, each in (read_tensors(rivals) if rivals else {}).items()
        if each.ndim == 3 and name in methods
    }
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
        distances = retraining_distances(read_tensors(retrained), factual)
        table = truth_table(chosen, distances)
        units, how = chosen["unit"].to_numpy(), chosen["chosen"].to_numpy(str)
        new_grades, new_draws = scoreboard.by_retraining(
            methods | several, units, how, distances["same"], methods["pixels"].argmax(axis=0)
        )
        grades, drawn = grades + new_grades, drawn | new_draws
    if models:
        measurements = read_tensors(models)
        features = _features(heldout, classifier, inception, device)
        measured = {
            "lds_loss": -measurements["loss"],
            "lds_features": -sample_distances(measurements, factual, features),
        }
        new_grades, new_draws = scoreboard.by_models(
            methods | several, measurements["units"], measured
        )
        grades, drawn = grades + new_grades, drawn | new_draws
    if planted:
        plants = planted_units(read_table(planted))
        grades += scoreboard.by_plants(methods, plants)
        if influence:
            named = read_table(influence, columns=[each for each in columns if each.endswith("_q")])
            found = attributed_units(named, shape=shape)
            grades += scoreboard.attributed_plants(found, plants)
    grades += [
        Grade(name, "evaluations", value, np.nan, np.nan)
        for name, value in read_facts(cost).items()
        if name in methods
    ]
    write_table(output, pd.DataFrame(grades))
    write_table(truth, table)
    columns = ["grade", "method", "other", "difference", "low", "high"]
    write_table(differences, pd.DataFrame(scoreboard.differences(drawn, grades), columns=columns))
    columns = ["first", "second", "methods", "kendall", "low", "high"]
    write_table(agreement, pd.DataFrame(scoreboard.agreement(drawn, grades), columns=columns))


def _statistics(
    influence: Path, columns: "Sequence[str]", *, shape: tuple[int, int]
) -> "dict[str, np.ndarray]":
    """Return the run's statistics as scores, (U, B) each; of the table only their columns are read.

    A statistic whose null distribution differs between units is returned as its z, by which it is
    ranked: otherwise units of one image and of many cannot be compared.
    """
    from encoded_ensembles.influence.naming import STATISTICS
    from encoded_ensembles.storage.files import read_table

    names = [each.removesuffix("_rank") for each in columns if each.endswith("_rank")]
    graded = {
        f"ablation {name}": f"{name}_z" if name == "directional" else name
        for name in names
        if name not in STATISTICS
    }
    graded |= {f"{name} z": f"{name}_z" for name in STATISTICS if name in names}
    table = read_table(influence, columns=list(graded.values()))
    return {name: table[each].to_numpy().reshape(shape[::-1]).T for name, each in graded.items()}


def _features(
    heldout: Path, classifier: Path | None, inception: Path | None, device: str
) -> "Callable[[np.ndarray], np.ndarray]":
    """Return the features of the run's Frechet distances."""
    from encoded_ensembles.data.images import read_images
    from encoded_ensembles.features.extractors import choose_extractor
    from encoded_ensembles.members.device import choose_device

    return choose_extractor(
        read_images(heldout).images,
        inception=inception,
        classifier=classifier,
        device=choose_device(device),
    ).features
