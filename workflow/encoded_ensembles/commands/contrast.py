"""encens measure-contrast: evidence from the factual trajectory alone."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

HELD = 10_000_000  # null contrasts held at once
SIZES = (1, 3, 10, 30)  # of the sets of nearest units that are tested together
DRAWS = 999


def measure_contrast(
    pulls: Annotated[Path, Option(help="pulls, .safetensors of follow-members")],
    code: Annotated[Path, Option(help="code, .npz of encode-units")],
    data: Annotated[Path, Option(help="training images, .npz of fetch-dataset")],
    samples: Annotated[Path, Option(help="samples, .safetensors of sample-ensemble")],
    contrast: Annotated[
        Path, Option(help="output, .parquet with .csv: one row per (sample, unit)")
    ],
    sets: Annotated[
        Path, Option(help="output, .parquet with .csv: one row per (sample, size of the set)")
    ],
    units: Annotated[
        Path, Option(help="output, .parquet with .csv: one row per unit, on all samples together")
    ],
    null_words: Annotated[
        int, Option(help="words of no unit at most that make the null distribution")
    ] = 10_000,
    attributed: Annotated[float, Option(help="largest q at which a unit is attributed")] = 0.05,
) -> None:
    """Measure each unit's contrast on each sample, against null code words.

    contrast: sample, unit, unit_name, contrast, z (standard deviations of the null from its mean),
    p_value, q_value (false discovery rate over the units of the sample, Benjamini & Hochberg 1995),
    rank (1 has the largest z), attributed (q_value at most --attributed). sets: sample,
    units (the k nearest to the sample, by pixels), contrast (their mean), p_value (together), and
    p_null (the same test of the same units under null code words: what it says where nothing is).
    units: unit, unit_name, contrast (mean over samples), z, p_value, q_value (over units), samples (how
    many it is attributed to).
    """
    import numpy as np
    import pandas as pd
    from scipy.stats import false_discovery_control

    from encoded_ensembles.assignment import free_words
    from encoded_ensembles.contrast import nearest_units
    from encoded_ensembles.data import read_images, to_signed
    from encoded_ensembles.families import family_of
    from encoded_ensembles.files import read_arrays, read_tensors, write_table
    from encoded_ensembles.influence import ranks

    arrays = read_arrays(code)
    matrix, names = arrays["code"], arrays["unit_names"]
    pull = read_tensors(pulls, names=["pulls"])["pulls"]
    kind = family_of(arrays)
    words = free_words(matrix, family=kind, limit=null_words)
    value, p, z = _test(pull, matrix, words)
    q = false_discovery_control(p, axis=0)
    total, count = value.shape
    unit = np.tile(np.arange(total), count)
    table = pd.DataFrame(
        {
            "sample": np.repeat(np.arange(count), total),
            "unit": unit,
            "unit_name": names[unit],
            "contrast": value.T.ravel(),
            "z": z.T.ravel(),
            "p_value": p.T.ravel(),
            "q_value": q.T.ravel(),
            "rank": ranks(np.where(np.isnan(z), value, z)).T.ravel(),
            "attributed": (q <= attributed).T.ravel(),
        }
    )
    write_table(contrast, table)
    # Of all samples together; their own p-values could not be combined, as they share the unit's word.
    mean, p_mean, z_mean = (
        each[:, 0] for each in _test(pull.mean(axis=0, keepdims=True), matrix, words)
    )
    overall = pd.DataFrame(
        {
            "unit": np.arange(total),
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
    write_table(sets, _test_sets(pull, value, words, order))


def _test(
    pull: "np.ndarray", matrix: "np.ndarray", words: "np.ndarray"
) -> "tuple[np.ndarray, np.ndarray, np.ndarray]":
    """Test each unit's contrast against those of null code words, a few units at a time.

    Args:
        pull: (B, U, n).
        matrix: (U, n) bool.
        words: (R, n) bool, null code words.

    Returns:
        contrast, p and z, (U, B) each.
    """
    import numpy as np

    from encoded_ensembles.calibration import p_and_z
    from encoded_ensembles.contrast import null_contrasts, own_contrasts

    value = own_contrasts(pull, matrix)
    p, z = np.empty(value.shape), np.empty(value.shape)
    step = max(1, HELD // (value.shape[1] * max(1, len(words))))
    for start in range(0, len(value), step):
        part = slice(start, start + step)
        p[part], z[part] = p_and_z(value[part], null_contrasts(pull[:, part], words))
    return value, p, z


def _test_sets(
    pull: "np.ndarray", value: "np.ndarray", words: "np.ndarray", order: "np.ndarray"
) -> "pd.DataFrame":
    """Test the first k units of each sample's order together, for several k.

    Args:
        pull: (B, U, n).
        value: (U, B), the units' contrasts.
        words: (R, n) bool, null code words.
        order: (B, U), units.

    Returns:
        columns sample, units, contrast, p_value, p_null.
    """
    import numpy as np
    import pandas as pd

    from encoded_ensembles.calibration import set_p_values
    from encoded_ensembles.contrast import null_contrasts

    rows = []
    for size in SIZES:
        if size > len(value) or 2 * size > len(words):
            continue
        chosen = order[:, :size]
        pulled = np.take_along_axis(pull, chosen[..., None], axis=1)
        own = np.take_along_axis(value.T, chosen, axis=1)
        null = null_contrasts(pulled, words).transpose(1, 0, 2)
        # The same units as if the first null words were theirs: nothing is there to be found.
        fake = null[:, np.arange(size), np.arange(size)]
        found = pd.DataFrame(
            {
                "sample": np.arange(len(order)),
                "units": size,
                "contrast": own.mean(axis=1),
                "p_value": set_p_values(own, null, draws=DRAWS, seed=0),
                "p_null": set_p_values(fake, null[..., size:], draws=DRAWS, seed=0),
            }
        )
        rows.append(found)
    columns = ["sample", "units", "contrast", "p_value", "p_null"]
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=columns)
