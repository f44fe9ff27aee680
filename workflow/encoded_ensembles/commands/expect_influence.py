"""encens expect-influence: exposure-calibrated attribution."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from encoded_ensembles.commands.options.files import Code, Data, Pulls, Samples
from encoded_ensembles.commands.options.tables import PairTable

if TYPE_CHECKING:
    import numpy as np


def expect_influence(
    pulls: Pulls,
    code: Code,
    data: Data,
    samples: Samples,
    rivals: Annotated[Path, Option(help="scores of other methods, .safetensors of score-rivals")],
    expected: PairTable,
    calibration: Annotated[
        Path, Option(help="output, .parquet with .csv: predicted against measured contrast")
    ],
    scores: Annotated[Path, Option(help="output, .safetensors: all methods, for grade-methods")],
    choices: Annotated[
        Path, Option(help="output, .json: model, dampings and patches chosen, and folds")
    ],
    seed: Annotated[int, Option(help="seed of the folds")] = 0,
) -> None:
    """Learn from all contrasts the expected influence of each unit on each sample.

    expected: sample, unit, unit_name, prior (from likeness alone, learnt from other samples),
    expected (with the pair's own contrast), low and high (95 %), rank. calibration: kind, bin,
    predicted, found (mean contrast of members that were not used to learn), error (its standard
    error), pairs. scores: (U, B) for each method, and where gradients are known calibrated.likeness, which
    learns without them; those made with members also as name/0 and name/1,
    made without the members of fold 0 and 1; member_folds (n,).
    """
    import numpy as np
    import pandas as pd

    from encoded_ensembles.data.images import read_images
    from encoded_ensembles.grading import gains
    from encoded_ensembles.grading.rivals import choose_settings
    from encoded_ensembles.influence import expected as learn
    from encoded_ensembles.influence.ablation import distances, ranks
    from encoded_ensembles.influence.tables import pair_table
    from encoded_ensembles.storage.files import (
        read_arrays,
        read_tensors,
        write_facts,
        write_table,
        write_tensors,
    )
    from encoded_ensembles.storage.large_tensors import LargeTensor, read_tensor

    arrays = read_arrays(code)
    matrix, names = arrays["code"], arrays["unit_names"]
    pull = read_tensors(pulls, names=["pulls"])["pulls"]
    folds = gains.member_folds(matrix.shape[1], seed=seed)
    graded = gains.graded_samples(len(pull))
    valid = ~graded if not graded.all() else graded  # the samples that choices are made on

    def area(first: "np.ndarray", second: "np.ndarray") -> float:
        """Return the area under the gain curve of the valid samples."""
        orders = (gains.order_units(first[:, valid]), gains.order_units(second[:, valid]))
        result = gains.gains(pull[valid], matrix, orders, folds=folds, draws=0, seed=seed)
        return float(gains.area(result.curve))

    scored = read_tensors(rivals)
    methods, settings = choose_settings(scored, area)
    patches = settings.pop("patches")
    factual = read_tensor(samples, "factual")
    others = LargeTensor(samples, "null")
    if not len(others):
        others = LargeTensor(samples, "members")
    gather = partial(
        learn.gather_facts,
        labels=read_images(data).labels[np.unique(arrays["unit_of"], return_index=True)[1]],
        sensitivity=np.concatenate([distances(factual, each[None]) for each in others]).mean(
            axis=0
        ),
    )
    facts, alone = gather(methods), gather({name: methods[name] for name in learn.LIKENESS})
    members = {"": np.ones(len(folds), bool), "/0": folds == 1, "/1": folds == 0}
    parts = {part: learn.of_members(pull, matrix, each) for part, each in members.items()}
    scales = {part: learn.strength(pull[:, :, each]) for part, each in members.items()}

    def calibrate(
        facts: learn.Facts,
    ) -> "tuple[dict[tuple[str, str], learn.Posterior], dict[str, float]]":
        """Return the posteriors of each kind of model and part of the members, and each kind's area."""
        found = {}
        for part, (contrast, noise) in parts.items():
            for kind in learn.KINDS:
                prior = learn.predict_prior(facts, contrast, scales[part], kind=kind, seed=seed)
                found[kind, part] = learn.combine(prior, contrast, noise, scales[part])
        priors = {kind: [found[kind, part].prior for part in ("/0", "/1")] for kind in learn.KINDS}
        return found, {kind: area(*each) for kind, each in priors.items()}

    posteriors, areas = calibrate(facts)
    best = max(areas, key=lambda kind: areas[kind])
    for part, (contrast, _) in parts.items():
        methods[f"contrast{part}"] = np.nan_to_num(contrast)
        methods[f"calibrated{part}"] = posteriors[best, part].mean
        for kind in learn.KINDS:
            methods[f"calibrated.{kind}{part}"] = posteriors[kind, part].prior
    if alone.names != facts.names:  # without the rivals, which are graded beside it
        without, areas_without = calibrate(alone)
        kind = max(areas_without, key=lambda kind: areas_without[kind])
        for part in parts:
            methods[f"calibrated.likeness{part}"] = without[kind, part].mean
    write_tensors(
        scores,
        {name: each.astype(np.float32) for name, each in methods.items()} | {"member_folds": folds},
    )
    chosen = {
        "damping": {name: float(scored["damping"][each]) for name, each in settings.items()},
        "patches": {key: int(scored[f"patches_{key}"][patches]) for key in ("level", "width")},
    }
    write_facts(choices, {"model": best, "areas": areas, **chosen, "facts": facts.names})
    result = posteriors[best, ""]
    values = {"prior": result.prior, "expected": result.mean}
    values["low"] = result.mean - 1.96 * result.spread
    values["high"] = result.mean + 1.96 * result.spread
    values["rank"] = ranks(result.mean)
    write_table(expected, pair_table(names, values))
    predicted = {
        kind: [posteriors[kind, "/0"].prior, posteriors[kind, "/1"].prior] for kind in learn.KINDS
    }
    predicted["posterior"] = [posteriors[best, "/0"].mean, posteriors[best, "/1"].mean]
    measured = [parts["/1"][0], parts["/0"][0]]  # of the members that were not used to learn
    rows = [
        (kind, *row)
        for kind, each in predicted.items()
        for row in learn.compare(np.array(each), np.array(measured))
    ]
    columns = ["kind", "bin", "predicted", "found", "error", "pairs"]
    write_table(calibration, pd.DataFrame(rows, columns=columns))
