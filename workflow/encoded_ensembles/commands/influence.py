"""encens measure-influence."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from encoded_ensembles.commands.options import Blocks, Code, Data, Samples

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from encoded_ensembles.perceptual import Measure

COMPARED = 512  # units at most whose counterfactuals are held, beside those of all null words
Contrast = Annotated[Path, Option(help="contrast, .parquet of measure-contrast")]
Influence = Annotated[Path, Option(help="output, .parquet with .csv: one row per (sample, unit)")]
Null = Annotated[
    Path, Option(help="output, .parquet with .csv: one row per (sample, null code word)")
]
Radius = Annotated[Path, Option(help="output, .parquet with .csv: one row per sample")]
Aliasing = Annotated[
    Path, Option(help="output, .parquet with .csv: one row per Hamming distance of two words")
]


def measure_influence(
    blocks: Blocks,
    code: Code,
    samples: Samples,
    data: Data,
    heldout: Annotated[Path, Option(help="held-out images, .npz: pixel features are theirs")],
    contrast: Contrast,
    influence: Influence,
    null: Null,
    radius: Radius,
    aliasing: Aliasing,
    distances: Annotated[
        list[str] | None,
        Option(help="another distance: ssim, features, lpips, openclip or dinov2; may be repeated"),
    ] = None,
    weights: Annotated[
        list[str] | None, Option(help="weights of a network, such as lpips=FILE; may be repeated")
    ] = None,
    classifier: Annotated[Path | None, Option(help="weights of train-classifier")] = None,
    inception: Annotated[
        Path | None, Option(help="the TorchScript file inception-2015-12-05.pt")
    ] = None,
    device: Annotated[str, Option(help="auto, cpu, cuda or cuda:N")] = "auto",
) -> None:
    """Measure how each unit's ablation moves each sample, against null code words.

    influence: sample, unit, unit_name; for each statistic S the columns S, S_z (standard deviations
    of the null from its mean), S_p, S_q (false discovery rate over the units of the sample) and S_rank
    (1 has the largest S_z); distance_published (256x256x3 in [0, 1]), exact (measured, not predicted:
    all of them, but with landscape.mode screened), attributed (by contrast).
    Statistics: distance (native pixels, values in [-1, 1]), those of --distances, matched, directional
    and contrast (docs/validity.md). null: sample, word, and the statistics that a null word has by itself.
    radius: sample, radius, radius_published, unit, null_radius (largest distance among the
    null code words: the more words, the larger; empty without any), units, null_words. aliasing:
    hamming, pairs, low, mean, high (quartiles and mean of the cosine of two units' displacements).
    """
    import numpy as np
    import pandas as pd

    from encoded_ensembles import influence as measure
    from encoded_ensembles.data import read_images, to_signed
    from encoded_ensembles.directional import directional, nearest_distances
    from encoded_ensembles.files import read_arrays, read_tensors, write_table
    from encoded_ensembles.landscape import each_unit

    arrays = read_arrays(code)
    names, matrix, unit_of = arrays["unit_names"], arrays["code"], arrays["unit_of"]
    drawn = read_tensors(samples, names=["factual", "null"])
    factual, null_samples = drawn["factual"], drawn["null"]
    measures: dict[str, Measure] = {"distance": lambda x: measure.distances(factual, x[None])[0]}
    reference = read_images(heldout).images
    for name in distances or []:
        measures[name] = _measure(
            name, factual, reference, weights or [], classifier, inception, device
        )
    total = _add_up(blocks, null_samples, names)
    masks = len(names) + len(null_samples)
    measures["matched"] = lambda x: measure.matched(x, total, masks=masks)

    images = to_signed(read_images(data).images).reshape(len(unit_of), -1)
    found = {name: np.empty((len(names), len(factual))) for name in measures}
    own = np.empty((len(names), len(factual)))
    compared = np.linspace(0, len(names) - 1, min(len(names), COMPARED)).astype(np.int64)
    held = np.empty((len(compared), *factual.shape), np.float32)
    for unit, moved in each_unit(blocks):
        for name, each in measures.items():
            found[name][unit] = each(moved)
        points = moved.reshape(len(moved), -1)
        own[unit] = nearest_distances(points, images[unit_of == unit])[:, 0]
        held[compared == unit] = moved
    nulls = {
        name: np.array([each(x) for x in null_samples]).reshape(-1, len(factual))
        for name, each in measures.items()
    }
    statistics = {
        name: (value, measure.p_values(value, nulls[name]), measure.z_values(value, nulls[name]))
        for name, value in found.items()
    }
    both = np.concatenate([null_samples, held])
    statistics["directional"] = directional(
        both.reshape(*both.shape[:2], -1), unit_held=compared, own=own, images=images,
        unit_of=unit_of, code=matrix, null_words=arrays["null_words"],
    )  # fmt: skip
    shape = factual.shape[1:]
    exact = np.ones(found["distance"].shape, bool)
    write_table(influence, influence_table(statistics, names, contrast, shape, exact))
    write_table(null, null_table(nulls))
    write_table(radius, radius_table(found["distance"], nulls["distance"], shape))
    displacement = (held - factual).reshape(*held.shape[:2], -1).astype(np.float64)
    cosines = measure.aliasing(displacement, matrix[compared])
    table = pd.DataFrame(cosines, columns=["hamming", "pairs", "low", "mean", "high"])
    write_table(aliasing, table.astype({"hamming": int, "pairs": int}))


def _add_up(blocks: list[Path], null: "np.ndarray", names: "np.ndarray") -> "np.ndarray":
    """Return the sum of all counterfactuals, null words' included, (B, C, H, W) float64.

    Raises:
        InputError: a unit is in no block.
    """
    import numpy as np

    from encoded_ensembles.files import InputError
    from encoded_ensembles.landscape import each_unit

    total, seen = null.sum(axis=0, dtype=np.float64), np.zeros(len(names), bool)
    for unit, moved in each_unit(blocks):
        if not seen[unit]:  # a block may be given twice
            total += moved
        seen[unit] = True
    if not seen.all():
        missing = int(seen.argmin())
        raise InputError(
            f"unit {missing} ({names[missing]}) is in no block of the landscape; "
            f"give all blocks ({len(blocks)} were given)."
        )
    return total


def _measure(
    name: str,
    factual: "np.ndarray",
    reference: "np.ndarray",
    weights: list[str],
    classifier: Path | None,
    inception: Path | None,
    device: str,
) -> "Measure":
    """Return another distance of images (B, C, H, W) from the factual samples.

    Raises:
        InputError: there is no distance of that name.
    """
    from encoded_ensembles.data import to_bytes
    from encoded_ensembles.device import choose_device
    from encoded_ensembles.files import InputError
    from encoded_ensembles.frechet import choose_extractor
    from encoded_ensembles.influence import ssim
    from encoded_ensembles.perceptual import (
        NETWORKS,
        feature_distance,
        network_distance,
        weight_file,
    )

    if name == "ssim":
        return lambda moved: 1 - ssim(factual, moved)
    where = choose_device(device)
    if name == "features":
        extractor = choose_extractor(
            reference, inception=inception, classifier=classifier, device=where
        )
        return feature_distance(lambda images: extractor.features(to_bytes(images)), factual)
    if name not in NETWORKS:
        raise InputError(
            f"--distances is {name}, expected ssim, features, {' or '.join(NETWORKS)}."
        )
    named = dict(each.partition("=")[::2] for each in weights)
    file = weight_file(name, named.get(name))
    return network_distance(name, weights=file, factual=factual, device=where)


def influence_table(
    statistics: "dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]",
    names: "np.ndarray",
    contrast: Path,
    shape: tuple[int, int, int],
    exact: "np.ndarray",
) -> "pd.DataFrame":
    """Return the table of all statistics, given value, p and z (each (U, B)), with contrast's.

    `exact` (U, B) says which are measured, not predicted.

    Raises:
        InputError: contrast is of other units or samples.
    """
    import numpy as np
    import pandas as pd
    from scipy.stats import false_discovery_control

    from encoded_ensembles.files import InputError, read_table
    from encoded_ensembles.influence import published_scale, ranks

    units, count = statistics["distance"][0].shape
    unit = np.tile(np.arange(units), count)
    columns = {
        "sample": np.repeat(np.arange(count), units), "unit": unit, "unit_name": names[unit]
    }  # fmt: skip
    for name, (value, p, z) in statistics.items():
        q, rank = false_discovery_control(p, axis=0), ranks(np.where(np.isnan(z), value, z))
        for suffix, each in {"": value, "_z": z, "_p": p, "_q": q, "_rank": rank}.items():
            columns[f"{name}{suffix}"] = each.T.ravel()
    theirs = {"z": "contrast_z", "p_value": "contrast_p", "q_value": "contrast_q", "rank": "contrast_rank"}  # fmt: skip
    tested = read_table(contrast).rename(columns=theirs)
    table = pd.DataFrame(columns).merge(tested, on=["sample", "unit", "unit_name"])
    if len(table) != len(tested) or len(table) != len(unit):
        raise InputError(
            f"{contrast} has {len(tested)} pairs of sample and unit, of which {len(table)} are among "
            f"the {len(unit)} of the landscape; expected the same. Measure it again with this code."
        )
    published = published_scale(table["distance"].to_numpy(), shape=shape)
    table.insert(len(table.columns) - 1, "distance_published", published)
    table.insert(len(table.columns) - 1, "exact", exact.T.ravel())
    return table


def null_table(nulls: "dict[str, np.ndarray]") -> "pd.DataFrame":
    """Return the statistics (R, B) of null code words, one row per (sample, word)."""
    import numpy as np
    import pandas as pd

    words, count = nulls["distance"].shape
    pairs = {
        "sample": np.repeat(np.arange(count), words),
        "word": np.tile(np.arange(words), count),
    }
    return pd.DataFrame(pairs | {name: each.T.ravel() for name, each in nulls.items()})


def radius_table(
    distance: "np.ndarray", null: "np.ndarray", shape: tuple[int, int, int]
) -> "pd.DataFrame":
    """Return the counterfactual radius of each sample, given distances (U, B) and (R, B)."""
    import numpy as np
    import pandas as pd

    from encoded_ensembles.influence import published_scale, radius

    largest = radius(distance)
    return pd.DataFrame(
        {
            "sample": np.arange(len(largest)),
            "radius": largest,
            "radius_published": published_scale(largest, shape=shape),
            "unit": distance.argmax(axis=0),
            "null_radius": radius(null) if len(null) else np.nan,
            "units": len(distance),
            "null_words": len(null),
        }
    )
