"""encens check-null: whether p-values are uniform under the null."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.files import Code, Data, Pulls, Samples


def check_null(
    pulls: Pulls,
    code: Code,
    data: Data,
    samples: Samples,
    null: Annotated[Path, Option(help="null values, .parquet of measure-influence")],
    output: Annotated[Path, Option(help="output, .parquet with .csv: one row per statistic")],
    seed: Annotated[int, Option(help="seed of the tests")] = 0,
) -> None:
    """Test null code words as if they were units, by the statistics of the landscape and of sets.

    Decoys (contrast/checks.csv) test the statistics of the trajectory.

    Columns: statistic, tests, share (with p <= 0.05; 0.05 is correct).
    """
    import pandas as pd

    from encoded_ensembles.codes.assignment import free_words
    from encoded_ensembles.codes.families import family_of
    from encoded_ensembles.data.images import read_images
    from encoded_ensembles.data.likeness import nearest_units
    from encoded_ensembles.grading import null_check
    from encoded_ensembles.influence.observer import SIZES
    from encoded_ensembles.storage.files import (
        InputError,
        read_arrays,
        read_table,
        read_tensors,
        write_table,
    )
    from encoded_ensembles.storage.large_tensors import read_tensor
    from encoded_ensembles.storage.tensor_parts import PartedTensor

    arrays = read_arrays(code)
    matrix = arrays["code"]
    kind = family_of(arrays)
    words = free_words(matrix, family=kind, limit=20_000)
    table = read_table(null)
    sampled = table["word"].nunique()
    if min(sampled, len(words)) < 2:
        raise InputError(
            f"there are {len(words)} free code words, {sampled} of them sampled, expected at least "
            "2 of each; raise code.null_words or code.members."
        )
    pull = read_tensors(pulls, names=["pulls"])["pulls"]
    images = read_images(data).images
    order = nearest_units(read_tensor(samples, "factual"), images, arrays["unit_of"])
    p_values = {
        name: (
            null_check.halves_p_values(table[name].to_numpy().reshape(-1, sampled).T, seed=seed),
            sampled // 2,
        )
        for name in table.columns.drop(["sample", "word"])
    }
    p_values["directional"] = (
        null_check.directional_p_values(
            PartedTensor(samples, "null"),
            arrays["null_words"],
            images,
            arrays["unit_of"],
            seed=seed,
        ),
        sampled - 1,
    )
    p_values["sets"] = (
        null_check.set_null_p_values(pull, words, order, sizes=SIZES, seed=seed),
        null_check.DRAWS,
    )
    rows = [
        (name, p.size, null_check.small_share(p.ravel(), words=count, seed=seed))
        for name, (p, count) in p_values.items()
    ]
    write_table(output, pd.DataFrame(rows, columns=["statistic", "tests", "share"]))
