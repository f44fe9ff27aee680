"""encens measure-levels, -members and -retraining: tables of the studies of one run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from encoded_ensembles.commands.options import Data, Samples
from encoded_ensembles.commands.sample import Code, Members, Noise, Sampling, for_members, prepare
from encoded_ensembles.commands.spread import spread

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

SIZES = (1, 3, 10, 30)  # of the sets of nearest units
SUBSETS = 5  # sets of members of each size
SEED = 0
Words = Annotated[int, Option(help="words of no unit at most that make the null distribution")]


@spread
def measure_levels(
    members: Members,
    code: Code,
    noise: Noise,
    data: Data,
    samples: Samples,
    influence: Annotated[Path, Option(help="influence, .parquet of measure-influence")],
    output: Annotated[
        Path, Option(help="output, .parquet with .csv: one row per (noise level, size of the set)")
    ],
    statistics: Annotated[
        Path, Option(help="output, .parquet with .csv: one row per (statistic, size of the set)")
    ],
    sampling: Sampling,
    null_words: Words = 10_000,
) -> None:
    """Measure at which noise level, and in which statistic, the units nearest to a sample show.

    output: level, units (the k nearest to each sample, by pixels), contrast (their mean, in units of
    the level's root mean square pull), error (standard error over samples), z (mean z of the single
    units), found (share of samples for which they have p <= 0.05 together), false (the same under
    words that are nobody's). statistics: statistic, units, z (mean z of the k nearest), found (share
    of these pairs with p <= 0.05), all (share of all pairs).
    """
    import pandas as pd

    from encoded_ensembles import contrast
    from encoded_ensembles.assignment import free_words
    from encoded_ensembles.data import read_images, to_signed
    from encoded_ensembles.families import family_of
    from encoded_ensembles.files import read_arrays, read_table, read_tensors, write_table
    from encoded_ensembles.unet import LEVELS

    arrays = read_arrays(code)
    matrix = for_members(arrays["code"], members)
    images = to_signed(read_images(data).images)
    factual = read_tensors(samples, names=["factual"])["factual"]
    order = contrast.nearest_units(factual, images, arrays["unit_of"])
    kind = family_of(arrays)
    words = free_words(matrix, family=kind, limit=null_words)
    engine = prepare(members, noise, sampling, "trajectory")
    track, count = engine.pop("track"), len(engine["noise"]) - 1
    rows: list[dict[str, object]] = []
    steps = track(contrast.estimates(**engine), count)
    seen = engine["space"].encode(images)
    for level, pull in contrast.level_pulls(steps, seen, arrays["unit_of"], highest=LEVELS):
        rows += [{"level": level} | row for row in _signals(pull, matrix, words, order)]
    write_table(output, pd.DataFrame(rows))
    write_table(statistics, _by_statistic(read_table(influence), order))


def _signals(
    pull: "np.ndarray", code: "np.ndarray", words: "np.ndarray", order: "np.ndarray"
) -> "list[dict[str, object]]":
    """Return what the nearest units show, one row for each size of the set."""
    from encoded_ensembles.studies import near_signal

    found = {
        size: near_signal(pull, code, words, order[:, :size], seed=SEED)
        for size in SIZES
        if size <= order.shape[1]
    }
    return [dict(units=size, **each._asdict()) for size, each in found.items() if each]


def _by_statistic(table: "pd.DataFrame", order: "np.ndarray") -> "pd.DataFrame":
    """Return what each statistic says of the nearest units, and of all."""
    import numpy as np
    import pandas as pd

    shape = order.shape
    rows = []
    for name in [each.removesuffix("_z") for each in table.columns if each.endswith("_z")]:
        z, p = (table[f"{name}{end}"].to_numpy().reshape(shape) for end in ("_z", "_p"))
        for size in (each for each in SIZES if each <= shape[1]):
            near = order[:, :size]
            rows.append(
                {
                    "statistic": name,
                    "units": size,
                    "z": np.take_along_axis(z, near, axis=1).mean(),
                    "found": (np.take_along_axis(p, near, axis=1) <= 0.05).mean(),
                    "all": (p <= 0.05).mean(),
                }
            )
    return pd.DataFrame(rows)


def measure_members(
    pulls: Annotated[Path, Option(help="pulls, .safetensors of follow-members")],
    code: Code,
    data: Data,
    samples: Samples,
    output: Annotated[
        Path, Option(help="output, .parquet with .csv: one row per (members, set of units)")
    ],
    null_words: Words = 10_000,
) -> None:
    """Measure what the nearest units show if there are fewer members: what a member buys.

    Columns: members (m), weight (mean number of them that saw a unit), units, and contrast, error, z,
    found and false as in measure-levels, means over random sets of m members.
    """
    import numpy as np
    import pandas as pd

    from encoded_ensembles.assignment import free_words
    from encoded_ensembles.contrast import nearest_units
    from encoded_ensembles.data import read_images, to_signed
    from encoded_ensembles.families import family_of
    from encoded_ensembles.files import read_arrays, read_tensors, write_table
    from encoded_ensembles.studies import first_known, member_subsets, with_members

    arrays = read_arrays(code)
    matrix, pull = arrays["code"], read_tensors(pulls, names=["pulls"])["pulls"]
    n = matrix.shape[1]
    kind = family_of(arrays)
    words = free_words(matrix, family=kind, limit=null_words)
    factual = read_tensors(samples, names=["factual"])["factual"]
    order = nearest_units(factual, to_signed(read_images(data).images), arrays["unit_of"])
    rows = []
    for size in sorted({*range(4, n, 2), n}):
        for chosen in member_subsets(n, size=size, count=SUBSETS, seed=SEED):
            part, own, null, known = with_members(pull, matrix, words, chosen)
            near = first_known(order, known, size=min(max(SIZES), int(known.sum())))
            facts = {"members": size, "weight": own.sum(axis=1).mean()}
            rows += [facts | row for row in _signals(part, own, null, near)]
    table = pd.DataFrame(rows).groupby(["members", "units"], as_index=False).mean()
    write_table(output, table.astype({"members": np.int64, "units": np.int64}))


def measure_retraining(
    truth: Annotated[Path, Option(help="truth, .parquet of score-methods")],
    influence: Annotated[Path, Option(help="influence, .parquet of measure-influence")],
    output: Annotated[Path, Option(help="output, .parquet with .csv: one row per way and units")],
) -> None:
    """Compare how far retraining without a unit, a fresh seed, and ablation move samples.

    Columns: way (same: retrained on the same random numbers; fresh: with a fresh seed; seed: the
    fresh seed alone; ablation), units (how many were left out), distance (mean over units and samples),
    radius (mean over samples of the largest), slope (of ablation on it, through the origin),
    pairs (Spearman with ablation over all pairs), within_samples, within_units (mean over samples,
    over units), seed_share (mean distance of the fresh seed alone over that of this way, both over the
    units that were retrained with a fresh seed; empty where none was).
    """
    import pandas as pd

    from encoded_ensembles.files import read_table, write_table
    from encoded_ensembles.studies import seed_share, slope
    from encoded_ensembles.truth import spearman, within_samples, within_units

    both = read_table(truth).merge(
        read_table(influence)[["sample", "unit", "distance"]], on=["sample", "unit"]
    )
    rows = []
    for way in ("same", "fresh", "seed", "distance"):
        known = both.dropna(subset=[way])
        if known.empty:
            continue
        moved, ablated = (
            known.pivot(index="unit", columns="sample", values=each).to_numpy()  # noqa: PD010
            for each in (way, "distance")
        )
        rows.append(
            {
                "way": "ablation" if way == "distance" else way,
                "units": len(moved),
                "distance": moved.mean(),
                "radius": moved.max(axis=0).mean(),
                "slope": slope(moved, ablated),
                "pairs": spearman(moved.reshape(-1, 1), ablated.reshape(-1, 1))[0],
                "within_samples": within_samples(ablated, moved),
                "within_units": within_units(ablated, moved),
                "seed_share": seed_share(known[way].to_numpy(), known["seed"].to_numpy()),
            }
        )
    write_table(output, pd.DataFrame(rows))
