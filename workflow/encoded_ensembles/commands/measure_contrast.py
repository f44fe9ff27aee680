"""encens measure-contrast: attribution from the factual trajectory alone."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.figures import Attributed
from encoded_ensembles.commands.options.files import Code, Data, NullWords, Pulls, Samples
from encoded_ensembles.commands.options.tables import PairTable


def measure_contrast(
    pulls: Pulls,
    code: Code,
    data: Data,
    samples: Samples,
    contrast: PairTable,
    sets: Annotated[
        Path, Option(help="output, .parquet with .csv: one row per (sample, size of the set)")
    ],
    units: Annotated[
        Path, Option(help="output, .parquet with .csv: one row per unit, on all samples together")
    ],
    null_words: NullWords = 10_000,
    attributed: Attributed = 0.05,
) -> None:
    """Measure each unit's contrast on each sample, against null code words.

    contrast: sample, unit, unit_name, contrast, z (standard deviations of the null from its mean),
    p_value, q_value (false discovery rate over the units of the sample, Benjamini & Hochberg 1995),
    rank (1 has the largest z), attributed (q_value at most --attributed). sets: sample,
    units (the k nearest to the sample, by pixels), contrast (their mean), p_value (together), and
    p_null (the same test of the same units under null code words). units: unit, unit_name, contrast
    (mean over samples), z, p_value, q_value (over units), samples (number it is attributed to).
    """
    import numpy as np
    import pandas as pd
    from scipy.stats import false_discovery_control

    from encoded_ensembles.codes.assignment import free_words
    from encoded_ensembles.codes.families import family_of
    from encoded_ensembles.data.images import read_images, to_signed
    from encoded_ensembles.data.likeness import nearest_units
    from encoded_ensembles.influence.ablation import ranks
    from encoded_ensembles.influence.contrast_tests import test_sets, test_units
    from encoded_ensembles.influence.tables import pair_table
    from encoded_ensembles.storage.files import read_arrays, read_tensors, write_table

    arrays = read_arrays(code)
    matrix, names = arrays["code"], arrays["unit_names"]
    pull = read_tensors(pulls, names=["pulls"])["pulls"]
    kind = family_of(arrays)
    words = free_words(matrix, family=kind, limit=null_words)
    value, p, z = test_units(pull, matrix, words)
    q = false_discovery_control(p, axis=0)
    columns = {"contrast": value, "z": z, "p_value": p, "q_value": q}
    columns["rank"] = ranks(np.where(np.isnan(z), value, z))
    columns["attributed"] = q <= attributed
    write_table(contrast, pair_table(names, columns))
    # All samples together: their p-values cannot be combined, since they share the unit's code word.
    mean, p_mean, z_mean = (
        each[:, 0] for each in test_units(pull.mean(axis=0, keepdims=True), matrix, words)
    )
    overall = pd.DataFrame(
        {
            "unit": np.arange(len(names)),
            "unit_name": names,
            "contrast": mean,
            "z": z_mean,
            "p_value": p_mean,
            "q_value": false_discovery_control(p_mean),
            "samples": (q <= attributed).sum(axis=1),
        }
    )
    write_table(units, overall)
    factual = read_tensors(samples, names=["factual"])["factual"]
    order = nearest_units(factual, to_signed(read_images(data).images), arrays["unit_of"])
    write_table(sets, test_sets(pull, value, words, order))
