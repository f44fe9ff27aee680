"""encens check-attribution: false attribution by likeness."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.blocks import Blocks
from encoded_ensembles.commands.options.features import Classifier, Device, Inception, Perceptual
from encoded_ensembles.commands.options.files import Code, Data, Samples


def check_attribution(
    blocks: Blocks,
    code: Code,
    data: Data,
    heldout: Annotated[Path, Option(help="held-out images, .npz: features are fitted to them")],
    samples: Samples,
    output: Annotated[
        Path, Option(help="output, .parquet with .csv: one row per (metric, sample)")
    ],
    classifier: Classifier = None,
    inception: Inception = None,
    perceptual: Perceptual = None,
    device: Device = "auto",
) -> None:
    """Attribute each sample to its nearest unit, and check whether ablating the unit changes that.

    Columns: metric (pixels, the features of score-frechet, or stlpips), sample, unit, unit_name, unchanged
    (without that unit the sample is still nearest to it), unchanged_other (share of the other units
    whose ablation leaves it nearest).
    """
    import numpy as np
    import pandas as pd

    from encoded_ensembles.data.images import read_images, to_bytes, to_signed
    from encoded_ensembles.data.likeness import HELD, nearest_unit
    from encoded_ensembles.ensemble.landscape import read_block
    from encoded_ensembles.features.extractors import choose_extractor
    from encoded_ensembles.features.perceptual import STLPIPS, embedding
    from encoded_ensembles.grading.false_attribution import attribution_table
    from encoded_ensembles.members.device import choose_device
    from encoded_ensembles.storage.files import read_arrays, read_tensors, write_table

    arrays = read_arrays(code)
    unit_of, names = arrays["unit_of"], arrays["unit_names"]
    images = read_images(data).images
    factual = read_tensors(samples, names=["factual"])["factual"]
    where = choose_device(device)
    extractor = choose_extractor(
        read_images(heldout).images, inception=inception, classifier=classifier, device=where
    )
    measures = {
        "pixels": lambda each: (each.reshape(len(each), -1) + 1) * 127.5,
        extractor.name: lambda each: extractor.features(to_bytes(each)),
    }
    training = {
        "pixels": images.transpose(0, 3, 1, 2).reshape(len(images), -1),  # uint8
        extractor.name: extractor.features(images),
    }
    if perceptual:
        measures[STLPIPS] = embedding(perceptual, device=where)
        training[STLPIPS] = measures[STLPIPS](to_signed(images))
    after = {name: np.empty((len(names), len(factual)), np.int64) for name in measures}
    for file in blocks:
        units, drawn = read_block(file)
        images_of = drawn.reshape(-1, *drawn.shape[2:])
        for name, measure in measures.items():
            step = max(1, HELD // training[name].shape[1])
            nearest = [
                nearest_unit(measure(images_of[start : start + step]), training[name], unit_of)
                for start in range(0, len(images_of), step)
            ]
            after[name][units] = np.concatenate(nearest).reshape(drawn.shape[:2])
    rows = [
        attribution_table(
            name, nearest_unit(measure(factual), training[name], unit_of), after[name], names
        )
        for name, measure in measures.items()
    ]
    write_table(output, pd.concat(rows, ignore_index=True))
