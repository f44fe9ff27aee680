"""encens measure-influence."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from encoded_ensembles.commands.options.blocks import Blocks
from encoded_ensembles.commands.options.features import Classifier, Device, Inception
from encoded_ensembles.commands.options.files import (
    Code,
    Contrast,
    Data,
    Samples,
)
from encoded_ensembles.commands.options.tables import (
    AliasingTable,
    NullTable,
    PairTable,
    SampleTable,
)

if TYPE_CHECKING:
    import numpy as np

    from encoded_ensembles.features.perceptual import Measure
    from encoded_ensembles.storage.tensor_parts import PartedTensor

COMPARED = 512  # largest number of units whose counterfactuals are kept in memory,
COMPARED_VALUES = 2**27  # and of their values: 0.5 GB


def measure_influence(
    blocks: Blocks,
    code: Code,
    samples: Samples,
    data: Data,
    heldout: Annotated[Path, Option(help="held-out images, .npz: features are fitted to them")],
    contrast: Contrast,
    influence: PairTable,
    null: NullTable,
    radius: SampleTable,
    aliasing: AliasingTable,
    distances: Annotated[
        list[str] | None,
        Option(
            help="another distance: ssim, features, stlpips, lpips, openclip or dinov2; repeatable"
        ),
    ] = None,
    weights: Annotated[
        list[str] | None, Option(help="weights of a network, such as lpips=FILE; repeatable")
    ] = None,
    classifier: Classifier = None,
    inception: Inception = None,
    device: Device = "auto",
) -> None:
    """Measure how each unit's ablation moves each sample, against null code words.

    influence: sample, unit, unit_name; for each statistic S the columns S, S_z (standard deviations
    of the null from its mean), S_p, S_q (false discovery rate over the units of the sample) and S_rank
    (1 has the largest S_z); distance_published (256x256x3 in [0, 1]), exact (measured, not predicted:
    all except with landscape.mode screened), attributed (by joint_q).
    Statistics: distance (native pixels, values in [-1, 1]), those of --distances, matched, directional
    and contrast (docs/validity.md). null: sample, word, and the statistics that need no unit.
    radius: sample, radius, radius_published, unit, null_radius (largest distance among the
    null code words: it grows with their number; empty without any), units, null_words. aliasing:
    hamming, pairs, low, mean, high (quartiles and mean of the cosine of two units' displacements).
    """
    import numpy as np

    from encoded_ensembles.data.images import read_images, to_rows
    from encoded_ensembles.data.likeness import nearest_distances
    from encoded_ensembles.ensemble.landscape import each_unit
    from encoded_ensembles.influence import ablation as measure
    from encoded_ensembles.influence.calibration import p_and_z
    from encoded_ensembles.influence.directional import directional
    from encoded_ensembles.influence.tables import (
        aliasing_table,
        influence_table,
        null_table,
        radius_table,
    )
    from encoded_ensembles.storage.files import read_arrays, write_table
    from encoded_ensembles.storage.large_tensors import read_tensor
    from encoded_ensembles.storage.tensor_parts import PartedTensor

    arrays = read_arrays(code)
    names, matrix, unit_of = arrays["unit_names"], arrays["code"], arrays["unit_of"]
    # Samples of null code words may take many GB, so they are read in place.
    factual, null_samples = read_tensor(samples, "factual"), PartedTensor(samples, "null")
    room = min(len(names), COMPARED, max(2, COMPARED_VALUES // factual.size))
    compared = np.linspace(0, len(names) - 1, room).astype(np.int64)
    kept = np.empty((room, *factual.shape), np.float32)
    measures: dict[str, Measure] = {"distance": lambda x: measure.distances(factual, x[None])[0]}
    reference = read_images(heldout).images
    for name in distances or []:
        measures[name] = _measure(
            name, factual, reference, weights or [], classifier, inception, device
        )
    total = _add_up(blocks, null_samples, names)
    masks = len(names) + len(null_samples)
    measures["matched"] = lambda x: measure.matched(x, total, masks=masks)

    images = read_images(data).images
    values = {name: np.empty((len(names), len(factual))) for name in measures}
    own_distances = np.empty((len(names), len(factual)))
    for unit, counterfactual in each_unit(blocks):
        for name, each in measures.items():
            values[name][unit] = each(counterfactual)
        points = counterfactual.reshape(len(counterfactual), -1)
        own_distances[unit] = nearest_distances(points, to_rows(images[unit_of == unit]))[:, 0]
        kept[compared == unit] = counterfactual
    nulls = {name: np.empty((len(null_samples), len(factual))) for name in measures}
    for word, moved in enumerate(null_samples):
        for name, each in measures.items():
            nulls[name][word] = each(moved)
    statistics = {name: (value, *p_and_z(value, nulls[name].T)) for name, value in values.items()}
    statistics["directional"] = directional(
        null_samples, kept, unit_held=compared, own=own_distances, images=images,
        unit_of=unit_of, code=matrix, null_words=arrays["null_words"],
    )  # fmt: skip
    shape = factual.shape[1:]
    exact = np.ones(values["distance"].shape, bool)
    write_table(influence, influence_table(statistics, names, contrast, shape, exact))
    write_table(null, null_table(nulls))
    write_table(radius, radius_table(values["distance"], nulls["distance"], shape))
    kept -= factual
    write_table(aliasing, aliasing_table(kept.swapaxes(0, 1), matrix[compared]))


def _add_up(blocks: list[Path], null: "PartedTensor", names: "np.ndarray") -> "np.ndarray":
    """Return the sum of all counterfactuals, with those of null code words, (B, C, H, W) float64.

    Raises:
        InputError: a unit is in no block.
    """
    import numpy as np

    from encoded_ensembles.ensemble.landscape import each_unit
    from encoded_ensembles.storage.files import InputError

    total, seen = np.zeros(null.shape[1:]), np.zeros(len(names), bool)
    for each in null:
        total += each
    for unit, counterfactual in each_unit(blocks):
        if not seen[unit]:  # a block may be passed twice
            total += counterfactual
        seen[unit] = True
    if not seen.all():
        missing = int(seen.argmin())
        raise InputError(
            f"unit {missing} ({names[missing]}) is in no block of the landscape, expected all blocks "
            f"({len(blocks)} were given); pass all of them."
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
    """Return the named distance of images (B, C, H, W) from the factual samples.

    Raises:
        InputError: no distance has that name.
    """
    from encoded_ensembles.data.images import to_bytes
    from encoded_ensembles.features.extractors import choose_extractor
    from encoded_ensembles.features.perceptual import (
        NETWORKS,
        feature_distance,
        network_distance,
        weight_file,
    )
    from encoded_ensembles.influence.ablation import ssim
    from encoded_ensembles.members.device import choose_device
    from encoded_ensembles.storage.files import InputError

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
    files = dict(text.partition("=")[::2] for text in weights)
    file = weight_file(name, files.get(name))
    return network_distance(name, weights=file, factual=factual, device=where)
