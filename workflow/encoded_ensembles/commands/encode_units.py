"""encens encode-units."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from encoded_ensembles.commands.options.files import Data, Ledger
from encoded_ensembles.commands.options.units import (
    By,
    Column,
    Metric,
    Plants,
    Table,
    Threshold,
    Words,
)

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from encoded_ensembles.data.images import ImageSet
    from encoded_ensembles.data.units import Units


def encode_units(
    data: Data,
    code: Annotated[
        Path,
        Option(
            help="output, .npz: code (U, n), null_words (R, n), unit_of (N,), unit_names (U,), family, distance"
        ),
    ],
    units: Annotated[Path, Option(help="output, .parquet with .csv: one row per unit")],
    images: Annotated[Path, Option(help="output, .parquet with .csv: one row per image")],
    properties: Annotated[Path, Option(help="output, .json: what the code guarantees, measured")],
    members: Annotated[int, Option(help="n, number of members")],
    weight: Annotated[int, Option(help="w, members that see each unit")],
    null_words: Annotated[int, Option(help="R, number of null code words")],
    family: Annotated[
        str, Option(help="random, balanced, min-distance, partition or leave-one-out")
    ] = "random",
    distance: Annotated[int, Option(help="for min-distance: least Hamming distance")] = 2,
    seed: Annotated[int, Option(help="seed of the code")] = 0,
    by: By = "image",
    table: Table = None,
    column: Column = "unit_name",
    metric: Metric = "phash",
    threshold: Threshold = 0.0,
    word: Words = None,
    captions: Annotated[
        Path | None, Option(help="for word: data/captions.parquet of the run")
    ] = None,
    plant: Plants = None,
    ledger: Ledger = None,
) -> None:
    """Give every unit a code word, and draw null code words.

    units: unit, unit_name, images, share (of all images), sha256, word. images: name, unit_name,
    sha256 (of name and pixels, as in a split's digest), pixels_sha256, in the order of --data.
    """
    import numpy as np

    from encoded_ensembles.codes import encode
    from encoded_ensembles.codes.families import Family
    from encoded_ensembles.codes.properties import properties as measure
    from encoded_ensembles.data.captions import training_captions, word_warnings
    from encoded_ensembles.data.images import read_images
    from encoded_ensembles.data.plants import parse_plant
    from encoded_ensembles.data.units import Grouping, assign_units, masked, unit_warnings
    from encoded_ensembles.progress import report
    from encoded_ensembles.storage.files import read_table, write_arrays, write_facts, write_table
    from encoded_ensembles.storage.ledger import ledger_file, read_ledger

    pictures = read_images(data)
    plants = tuple(map(parse_plant, plant or []))
    words, texts = tuple(word or []), {}
    if captions:
        texts = training_captions(read_table(captions), pictures.names)
    grouping = Grouping(by, table, column, metric, threshold, plants, words, texts)
    assigned = assign_units(pictures, grouping)
    kind = Family(family, members, weight, distance)
    memory = ledger_file(ledger, "words", family, members, weight, distance, seed)
    past = read_ledger(memory)
    matrix, null, code_words = encode.encode(
        assigned.names.tolist(),
        kind,
        null_words=null_words,
        seed=seed,
        ledger=encode.Words(**past) if past else None,
    )
    if memory:  # first, so that every word in use is in the ledger
        write_arrays(memory, code_words.__dict__)
    write_arrays(
        code,
        {
            "code": matrix,
            "null_words": null,
            "unit_of": assigned.unit_of,
            "unit_names": assigned.names,
            "family": np.array(family),
            "distance": np.array(distance),
        },
    )
    per_image = _image_table(pictures, assigned)
    write_table(images, per_image)
    write_table(units, _unit_table(per_image, assigned, matrix))
    warnings = unit_warnings(assigned, weight=weight, masking=masked(per_image))
    if by == "word":
        warnings += word_warnings(texts, words)
    for warning in warnings:
        report(f"warning: {warning}")
    facts = {"family": family, "warnings": warnings, **measure(matrix, null)}
    write_facts(properties, facts)


def _image_table(images: "ImageSet", units: "Units") -> "pd.DataFrame":
    """Return one row per image: name, unit_name, sha256, pixels_sha256."""
    import pandas as pd

    from encoded_ensembles.data.images import image_digests, pixel_digests

    return pd.DataFrame(
        {
            "name": images.names,
            "unit_name": units.names[units.unit_of],
            "sha256": image_digests(images.images, images.names),
            "pixels_sha256": pixel_digests(images.images),
        }
    )


def _unit_table(images: "pd.DataFrame", units: "Units", code: "np.ndarray") -> "pd.DataFrame":
    """Return one row per unit: unit, unit_name, images, share, sha256, word."""
    import numpy as np
    import pandas as pd

    from encoded_ensembles.codes.words import spell
    from encoded_ensembles.data.images import set_digest

    digests = images["sha256"].to_numpy()
    order = np.argsort(units.unit_of, kind="stable")
    sizes = np.bincount(units.unit_of, minlength=len(code))
    rows = np.split(order, np.cumsum(sizes)[:-1])
    return pd.DataFrame(
        {
            "unit": range(len(code)),
            "unit_name": units.names,
            "images": sizes,
            "share": sizes / len(images),
            "sha256": [set_digest(digests[row]) for row in rows],
            "word": spell(code),
        }
    )
