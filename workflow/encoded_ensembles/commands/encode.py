"""encens encode-units."""

from pathlib import Path
from typing import Annotated

from typer import Option


def encode_units(
    data: Annotated[Path, Option(help="training images, .npz of fetch-dataset")],
    code: Annotated[
        Path,
        Option(help="output, .npz: code (U, n), null_words (R, n), unit_of (N,), unit_names (U,)"),
    ],
    units: Annotated[Path, Option(help="output, .parquet with .csv: one row per unit")],
    properties: Annotated[Path, Option(help="output, .json: what the code guarantees, measured")],
    by: Annotated[str, Option(help="image or label: what a unit is")],
    members: Annotated[int, Option(help="n, number of members")],
    weight: Annotated[int, Option(help="w, members that see each unit")],
    null_words: Annotated[int, Option(help="R, code words of no unit")],
    seed: Annotated[int, Option(help="seed of the code")] = 0,
) -> None:
    """Give every unit a code word, and draw null code words that belong to nobody."""
    import numpy as np
    import pandas as pd

    from encoded_ensembles import codes
    from encoded_ensembles.data import image_digests, read_images, set_digest
    from encoded_ensembles.files import write_arrays, write_json, write_table
    from encoded_ensembles.units import assign_units

    images = read_images(data)
    assigned = assign_units(images, by=by)
    matrix, null = codes.encode(
        units=len(assigned.names), members=members, weight=weight, null_words=null_words, seed=seed
    )
    write_arrays(
        code,
        {
            "code": matrix,
            "null_words": null,
            "unit_of": assigned.unit_of,
            "unit_names": assigned.names,
        },
    )
    digests = np.array(image_digests(images.images, images.names))
    rows = [np.flatnonzero(assigned.unit_of == unit) for unit in range(len(matrix))]
    table = pd.DataFrame(
        {
            "unit": range(len(matrix)),
            "unit_name": assigned.names,
            "images": [len(row) for row in rows],
            "sha256": [set_digest(digests[row]) for row in rows],
            "word": ["".join("01"[bit] for bit in word.astype(int)) for word in matrix],
        }
    )
    write_table(units, table)
    write_json(properties, codes.properties(matrix, null))
