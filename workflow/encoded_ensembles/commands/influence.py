"""encens measure-influence."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

COMPARED = 256  # units at most whose displacements are compared


def measure_influence(
    blocks: Annotated[
        list[Path], Argument(help="all blocks of the landscape, .safetensors of ablate-block")
    ],
    code: Annotated[Path, Option(help="code, .npz of encode-units")],
    samples: Annotated[Path, Option(help="samples, .safetensors of sample-ensemble")],
    influence: Annotated[
        Path, Option(help="output, .parquet with .csv: one row per (sample, unit)")
    ],
    null: Annotated[
        Path, Option(help="output, .parquet with .csv: one row per (sample, null code word)")
    ],
    radius: Annotated[Path, Option(help="output, .parquet with .csv: one row per sample")],
    aliasing: Annotated[
        Path, Option(help="output, .parquet with .csv: one row per Hamming distance of two words")
    ],
) -> None:
    """Measure how far each unit's ablation moves each sample, against null code words.

    influence: sample, unit, unit_name, distance (native pixels, values in [-1, 1]),
    distance_published (256x256x3 in [0, 1]), p_value, rank (1 = farthest). null: sample, word,
    distance. radius: sample, radius, radius_published, unit, null_radius (largest distance among the
    null code words: the more words, the larger; empty without any), units, null_words. aliasing:
    hamming, pairs, low, mean, high (quartiles and mean of the cosine of two units' displacements).
    """
    import numpy as np
    import pandas as pd

    from encoded_ensembles import influence as measure
    from encoded_ensembles.files import InputError, read_arrays, read_tensors, write_table

    arrays = read_arrays(code)
    names = arrays["unit_names"]
    drawn = read_tensors(samples, names=["factual", "null"])
    factual = drawn["factual"]
    distance = np.full((len(names), len(factual)), np.nan)
    compared = np.linspace(0, len(names) - 1, min(len(names), COMPARED)).astype(np.int64)
    displacement = np.zeros((len(compared), len(factual), factual[0].size))
    for file in blocks:
        block = read_tensors(file, names=["units", "counterfactuals"])
        distance[block["units"]] = measure.distances(factual, block["counterfactuals"])
        _, here, place = np.intersect1d(block["units"], compared, return_indices=True)
        moved = block["counterfactuals"][here] - factual
        displacement[place] = moved.reshape(*moved.shape[:2], -1)
    missing = np.flatnonzero(np.isnan(distance).any(axis=1))
    if len(missing):
        raise InputError(
            f"unit {missing[0]} ({names[missing[0]]}) is in no block of the landscape; "
            f"give all blocks ({len(blocks)} were given)."
        )
    null_distance = measure.distances(factual, drawn["null"])
    shape = factual.shape[1:]
    units, count = distance.shape
    unit = np.tile(np.arange(units), count)
    table = pd.DataFrame(
        {
            "sample": np.repeat(np.arange(count), units),
            "unit": unit,
            "unit_name": names[unit],
            "distance": distance.T.ravel(),
            "distance_published": measure.published_scale(distance, shape=shape).T.ravel(),
            "p_value": measure.p_values(distance, null_distance).T.ravel(),
            "rank": measure.ranks(distance).T.ravel(),
        }
    )
    write_table(influence, table)
    words = len(null_distance)
    write_table(
        null,
        pd.DataFrame(
            {
                "sample": np.repeat(np.arange(count), words),
                "word": np.tile(np.arange(words), count),
                "distance": null_distance.T.ravel(),
            }
        ),
    )
    largest = measure.radius(distance)
    write_table(
        radius,
        pd.DataFrame(
            {
                "sample": np.arange(count),
                "radius": largest,
                "radius_published": measure.published_scale(largest, shape=shape),
                "unit": distance.argmax(axis=0),
                "null_radius": measure.radius(null_distance) if words else np.nan,
                "units": units,
                "null_words": words,
            }
        ),
    )
    cosines = measure.aliasing(displacement, arrays["code"][compared])
    columns = pd.DataFrame(cosines, columns=["hamming", "pairs", "low", "mean", "high"])
    write_table(aliasing, columns.astype({"hamming": int, "pairs": int}))
