"""encens measure-levels."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.files import Code, Data, Influence, NullWords, Samples
from encoded_ensembles.commands.options.sampling import Members, Noise, Sampling
from encoded_ensembles.commands.options.spread import spread


@spread
def measure_levels(
    members: Members,
    code: Code,
    noise: Noise,
    data: Data,
    samples: Samples,
    influence: Influence,
    output: Annotated[
        Path, Option(help="output, .parquet with .csv: one row per (noise level, size of the set)")
    ],
    statistics: Annotated[
        Path, Option(help="output, .parquet with .csv: one row per (statistic, size of the set)")
    ],
    sampling: Sampling,
    null_words: NullWords = 10_000,
) -> None:
    """Measure the evidence for the units nearest to a sample at each noise level and in each statistic.

    output: level, units (the k nearest to each sample, by pixels), contrast (their mean, in units of
    the level's root mean square pull), error (standard error over samples), z (mean z of the single
    units), found (share of samples for which they have p <= 0.05 together), false (the same under
    null code words). statistics: statistic, units, z (mean z of the k nearest), found (share
    of these pairs with p <= 0.05), all (share of all pairs).
    """
    import pandas as pd

    from encoded_ensembles.codes.assignment import free_words
    from encoded_ensembles.codes.families import family_of
    from encoded_ensembles.data import likeness
    from encoded_ensembles.data.images import read_images
    from encoded_ensembles.ensemble import trajectory
    from encoded_ensembles.ensemble.engine import check_columns, prepare
    from encoded_ensembles.grading.near_signal import by_statistic, signals
    from encoded_ensembles.influence import contrast
    from encoded_ensembles.members.batches import as_seen
    from encoded_ensembles.members.names import LEVELS
    from encoded_ensembles.storage.files import read_arrays, read_table, read_tensors, write_table

    arrays, pairs = read_arrays(code), read_table(influence)
    matrix = check_columns(arrays["code"], members)
    images = read_images(data).images
    factual = read_tensors(samples, names=["factual"])["factual"]
    order = likeness.nearest_units(factual, images, arrays["unit_of"])
    kind = family_of(arrays)
    words = free_words(matrix, family=kind, limit=null_words)
    engine = prepare(members, noise, label="trajectory", **vars(sampling))
    track, count = engine.pop("track"), len(engine["noise"]) - 1
    rows: list[dict[str, object]] = []
    steps = track(trajectory.estimates(**engine), count)
    seen = as_seen(images, space=engine["space"])
    for level, pull in contrast.level_pulls(steps, seen, arrays["unit_of"], highest=LEVELS):
        rows += [{"level": level} | row for row in signals(pull, matrix, words, order)]
    write_table(output, pd.DataFrame(rows))
    write_table(statistics, by_statistic(pairs, order))
