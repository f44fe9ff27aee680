"""encens choose-controls and sample-controls: what to retrain without, and what comes of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from encoded_ensembles.commands.sample import (
    Batch,
    Code,
    Device,
    Members,
    Noise,
    Scheduler,
    for_members,
    sample_rows,
)

if TYPE_CHECKING:
    import numpy as np


def choose_controls(
    code: Code,
    data: Annotated[Path, Option(help="training images, .npz of fetch-dataset")],
    samples: Annotated[Path, Option(help="samples, .safetensors of sample-ensemble")],
    units: Annotated[int, Option(help="number of units to retrain without")],
    output: Annotated[
        Path, Option(help="output, .parquet with .csv: control, unit, unit_name, near")
    ],
    seed: Annotated[int, Option(help="seed of the random half")] = 1,
) -> None:
    """Choose the units to retrain without: half at random, half near to the samples."""
    import numpy as np
    import pandas as pd

    from encoded_ensembles import retrain
    from encoded_ensembles.contrast import nearest_units
    from encoded_ensembles.data import read_images, to_signed
    from encoded_ensembles.files import InputError, read_arrays, read_tensors, write_table

    arrays = read_arrays(code)
    names = arrays["unit_names"]
    if units > len(names):
        raise InputError(
            f"retrain.units is {units}, expected at most the number of units ({len(names)})."
        )
    factual = read_tensors(samples, names=["factual"])["factual"]
    nearest = nearest_units(factual, to_signed(read_images(data).images), arrays["unit_of"])
    chosen, near = retrain.choose_controls(nearest, names, count=units, seed=seed)
    table = {"control": np.arange(units), "unit": chosen, "unit_name": names[chosen], "near": near}
    write_table(output, pd.DataFrame(table))


def sample_controls(
    members: Members,
    code: Code,
    noise: Noise,
    controls: Annotated[Path, Option(help="units to retrain without, .parquet of choose-controls")],
    retrained: Annotated[
        Path, Option(help="folder with the retrained members, {control}/{0..w-1}")
    ],
    output: Annotated[
        Path,
        Option(
            help="output, .safetensors: units (K,) int64, same (K, B, C, H, W); with --fresh also fresh and seed (F, B, C, H, W)"
        ),
    ],
    fresh: Annotated[
        Path | None,
        Option(help="folder with members of a fresh seed: {control}/{0..w-1}, and member/{00..}"),
    ] = None,
    fresh_units: Annotated[int, Option(help="how many controls were retrained so")] = 0,
    scheduler: Scheduler = "ddpm",
    batch: Batch = 256,
    device: Device = "auto",
) -> None:
    """Sample with the members retrained without each unit in the places of those that saw it.

    same: retrained on the same random numbers. fresh: with a fresh seed. seed: with members of that
    fresh seed that did see the unit, which is what the seed alone does.
    """
    import numpy as np

    from encoded_ensembles import retrain
    from encoded_ensembles.files import read_arrays, read_table, write_tensors

    matrix = for_members(read_arrays(code)["code"], members)
    units = read_table(controls)["unit"].to_numpy()

    def without(unit: int, folders: list[Path], label: str) -> "np.ndarray":
        keep, _ = retrain.replaced(matrix[unit])
        return sample_rows(
            [*members, *folders], keep[None], noise, scheduler, batch, device, label
        )[0]

    weight = int(matrix[0].sum())
    found = {"units": units}
    found["same"] = np.stack(
        [
            without(unit, [retrained / f"{k}" / f"{j}" for j in range(weight)], f"control {k}")
            for k, unit in enumerate(units)
        ]
    )
    if fresh and fresh_units:
        chosen = range(fresh_units)
        found["fresh"] = np.stack(
            [
                without(units[k], [fresh / f"{k}" / f"{j}" for j in range(weight)], f"fresh {k}")
                for k in chosen
            ]
        )
        found["seed"] = np.stack(
            [
                without(
                    units[k],
                    [fresh / "member" / f"{m:02d}" for m in retrain.replaced(matrix[units[k]])[1]],
                    f"seed {k}",
                )
                for k in chosen
            ]
        )
    write_tensors(output, found)
