"""encens measure-contrast: attribution from the factual trajectory alone."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.evidence import Weights, is_learnt
from encoded_ensembles.commands.options.figures import Attributed
from encoded_ensembles.commands.options.files import Code, NullWords, Pulls
from encoded_ensembles.commands.options.tables import PairTable


def measure_contrast(
    pulls: Pulls,
    decoys: Annotated[Path, Option(help="decoys, .safetensors of follow-members")],
    code: Code,
    contrast: PairTable,
    sets: Annotated[
        Path, Option(help="output, .parquet with .csv: one row per (sample, size of the set)")
    ],
    units: Annotated[
        Path, Option(help="output, .parquet with .csv: one row per unit, on all samples together")
    ],
    answers: Annotated[Path, Option(help="output, .parquet with .csv: one row per sample")],
    checks: Annotated[
        Path, Option(help="output, .parquet with .csv: what decoys show, one row per statistic")
    ],
    null_words: NullWords = 1_000_000,
    attributed: Attributed = 0.05,
    weights: Weights = "likeness",
) -> None:
    """Test each unit on each sample, and name the units, or the smallest group of units, found.

    contrast: sample, unit, unit_name; for joint, contrast and undirected the value, _z (standard
    deviations of the null from its mean), _p, _q (false discovery rate over the units of the sample,
    weighted by likeness), _q_plain (Benjamini & Hochberg 1995) and _rank (1 has the largest z, of joint
    the largest score); weight; and attributed (joint_q at most --attributed). sets: sample, units (the k most alike to the sample),
    score (their mean joint score), p_value (together), and p_null (the same test under null code
    words). units: unit, unit_name, score (mean over samples, weighted by likeness), z, p_value, q_value
    (over units, Benjamini & Hochberg), samples (number it is attributed to). answers: sample,
    answer (units, group or nothing), units (number), rate (of error), names. checks: see docs/attribution.md.
    """
    import numpy as np
    import pandas as pd
    from scipy.stats import false_discovery_control

    from encoded_ensembles.codes.assignment import free_words
    from encoded_ensembles.codes.families import family_of
    from encoded_ensembles.influence import naming
    from encoded_ensembles.influence.decoys import check_table, read_decoys
    from encoded_ensembles.influence.observer import Observed
    from encoded_ensembles.influence.tables import pair_table
    from encoded_ensembles.storage.files import read_arrays, read_tensors, write_table

    learnt = is_learnt(weights)
    arrays = read_arrays(code)
    matrix, names = arrays["code"], arrays["unit_names"]
    observed = Observed.read(read_tensors(pulls))
    drawn = read_decoys(read_tensors(decoys))
    words = free_words(matrix, family=family_of(arrays), limit=null_words)
    tests = naming.test_units(observed, matrix, words)
    together = naming.test_sets(observed, matrix, words)
    columns, named = naming.columns_and_answers(
        tests, observed.order, names, together, level=attributed, learnt=learnt
    )
    write_table(contrast, pair_table(names, columns))
    write_table(sets, together)
    write_table(answers, named)
    value, p, z = naming.test_over_samples(observed, matrix, words)
    overall = pd.DataFrame(
        {
            "unit": np.arange(len(names)),
            "unit_name": names,
            "score": value,
            "z": z,
            "p_value": p,
            "q_value": false_discovery_control(p),
            "samples": columns["attributed"].sum(axis=1),
        }
    )
    write_table(units, overall)
    write_table(checks, check_table(drawn, matrix, words, level=attributed, learnt=learnt))
