"""encens choose-controls."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.files import Code, Data, Ledger, Samples


def choose_controls(
    code: Code,
    data: Data,
    samples: Samples,
    units: Annotated[int, Option(help="number of units to retrain without")],
    output: Annotated[
        Path, Option(help="output, .parquet with .csv: control, unit, unit_name, chosen")
    ],
    named: Annotated[
        list[str] | None, Option(help="name of another unit to retrain without; repeatable")
    ] = None,
    seed: Annotated[int, Option(help="seed of the random half")] = 1,
    ledger: Ledger = None,
) -> None:
    """Choose the units to retrain without: half at random, half nearest to samples, and those named.

    chosen: random, near or named. A unit that was chosen before keeps its number as long as it
    exists: its retrained members then depend only on their splits.
    """
    import numpy as np
    import pandas as pd

    from encoded_ensembles.data.images import read_images
    from encoded_ensembles.data.likeness import nearest_units
    from encoded_ensembles.grading import controls as retrain
    from encoded_ensembles.randomness import name_key
    from encoded_ensembles.storage.files import (
        InputError,
        close_matches,
        read_arrays,
        read_tensors,
        write_arrays,
        write_table,
    )
    from encoded_ensembles.storage.ledger import ledger_file, read_ledger

    arrays = read_arrays(code)
    names = arrays["unit_names"]
    for name in named or []:
        if name not in names:
            raise InputError(
                f"retrain.named has {name or repr(name)}, expected names of the {len(names)} units"
                f"{close_matches(name, names.tolist())}"
            )
    others = len(names) - len(named or [])
    if units > others:
        raise InputError(
            f"retrain.units is {units}, expected at most the number of units ({others}"
            f"{' beside those in retrain.named' if named else ''})."
        )
    factual = read_tensors(samples, names=["factual"])["factual"]
    nearest = nearest_units(factual, read_images(data).images, arrays["unit_of"])
    memory = ledger_file(ledger, "controls", seed)
    units_chosen, chosen = retrain.choose_controls(
        nearest, names, count=units, seed=seed, named=named or [], earlier=read_ledger(memory)
    )
    if memory:
        keys = np.array([name_key(name) for name in names[units_chosen]], np.uint64)
        write_arrays(memory, {kind: keys[chosen == kind] for kind in ("random", "near")})
    table = pd.DataFrame({"unit": units_chosen, "unit_name": names[units_chosen], "chosen": chosen})
    write_table(output, table.rename_axis("control").reset_index())
