"""encens find-planted: which samples bear a plant, and so which units they should be attributed to."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.files import Code, Data, Samples


def find_planted(
    facts: Annotated[Path, Option(help="facts of the data set, .json of fetch-dataset")],
    data: Data,
    code: Code,
    samples: Samples,
    output: Annotated[Path, Option(help="output, .parquet with .csv: one row per (sample, plant)")],
) -> None:
    """Find which factual samples bear which plant, by pixels alone.

    Columns: sample, plant, kind, bears, distance (mean absolute difference from the nearest planted
    training image where the plant alters images, values in [-1, 1]), threshold (a sample at a smaller
    distance bears the plant), units (numbers of the units with images of the plant, joined by ;).
    """
    import numpy as np
    import pandas as pd

    from encoded_ensembles.data import plants
    from encoded_ensembles.data.images import read_images, to_signed
    from encoded_ensembles.storage.files import read_arrays, read_facts, read_tensors, write_table

    images = read_images(data)
    signed = to_signed(images.images)
    unit_of = read_arrays(code)["unit_of"]
    factual = read_tensors(samples, names=["factual"])["factual"]
    parts = []
    for plant in read_facts(facts)["plants"]:
        is_plant = np.isin(images.names, plant["images"])
        kind, planted, ordinary = plant["kind"], signed[is_plant], signed[~is_plant]
        part = {
            "sample": np.arange(len(factual)),
            "plant": plant["name"],
            "kind": kind,
            "bears": plants.bears(factual, kind=kind, planted=planted, ordinary=ordinary),
            "distance": plants.distances(factual, planted, kind=kind),
            "threshold": plants.threshold(planted, ordinary, kind=kind),
            "units": ";".join(map(str, np.unique(unit_of[is_plant]))),
        }
        parts.append(pd.DataFrame(part))
    columns = ["sample", "plant", "kind", "bears", "distance", "threshold", "units"]
    table = pd.concat(parts) if parts else pd.DataFrame(columns=columns)
    write_table(output, table.sort_values(["sample", "plant"], ignore_index=True))
