"""encens measure-members."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.files import Code, Data, NullWords, Pulls, Samples

SUBSETS = 5  # random sets of members of each size


def measure_members(
    pulls: Pulls,
    code: Code,
    data: Data,
    samples: Samples,
    output: Annotated[
        Path, Option(help="output, .parquet with .csv: one row per (members, set of units)")
    ],
    null_words: NullWords = 10_000,
) -> None:
    """Measure the evidence for the nearest units with fewer members.

    Columns: members (m), weight (mean number of them that saw a unit), units, and contrast, error, z,
    found and false as in measure-levels: means over random sets of m members.
    """
    import numpy as np
    import pandas as pd

    from encoded_ensembles.codes.assignment import free_words
    from encoded_ensembles.codes.families import family_of
    from encoded_ensembles.data.images import read_images
    from encoded_ensembles.data.likeness import nearest_units
    from encoded_ensembles.grading.near_signal import (
        SEED,
        SIZES,
        first_known,
        member_subsets,
        signals,
        with_members,
    )
    from encoded_ensembles.storage.files import read_arrays, read_tensors, write_table

    arrays = read_arrays(code)
    matrix, pull = arrays["code"], read_tensors(pulls, names=["pulls"])["pulls"]
    n = matrix.shape[1]
    kind = family_of(arrays)
    words = free_words(matrix, family=kind, limit=null_words)
    factual = read_tensors(samples, names=["factual"])["factual"]
    order = nearest_units(factual, read_images(data).images, arrays["unit_of"])
    rows = []
    for size in sorted({*range(4, n, 2), n}):
        for chosen in member_subsets(n, size=size, count=SUBSETS, seed=SEED):
            pulls_part, words_part, null_part, known = with_members(pull, matrix, words, chosen)
            near = first_known(order, known, size=min(max(SIZES), int(known.sum())))
            facts = {"members": size, "weight": words_part.sum(axis=1).mean()}
            rows += [facts | row for row in signals(pulls_part, words_part, null_part, near)]
    table = pd.DataFrame(rows).groupby(["members", "units"], as_index=False).mean()
    write_table(output, table.astype({"members": np.int64, "units": np.int64}))
