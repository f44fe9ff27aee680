"""encens choose-controls and sample-controls: what to retrain without, and what comes of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from encoded_ensembles.commands.options import Ledger
from encoded_ensembles.commands.sample import (
    Code,
    Members,
    Noise,
    Sampling,
    for_members,
    sample_rows,
)
from encoded_ensembles.commands.spread import spread

if TYPE_CHECKING:
    import numpy as np


def choose_controls(
    code: Code,
    data: Annotated[Path, Option(help="training images, .npz of fetch-dataset")],
    samples: Annotated[Path, Option(help="samples, .safetensors of sample-ensemble")],
    units: Annotated[int, Option(help="number of units to retrain without")],
    output: Annotated[
        Path, Option(help="output, .parquet with .csv: control, unit, unit_name, chosen")
    ],
    named: Annotated[
        list[str] | None, Option(help="name of another unit to retrain without; may be repeated")
    ] = None,
    seed: Annotated[int, Option(help="seed of the random half")] = 1,
    ledger: Ledger = None,
) -> None:
    """Choose the units to retrain without: half at random, half near to the samples, and those named.

    chosen: random, near or named. A unit that was chosen before stays, under its number, as long as it
    is there: what is retrained without it then depends on its members' splits alone.
    """
    import numpy as np
    import pandas as pd

    from encoded_ensembles import retrain
    from encoded_ensembles.contrast import nearest_units
    from encoded_ensembles.data import read_images, to_signed
    from encoded_ensembles.files import (
        InputError,
        close_matches,
        read_arrays,
        read_tensors,
        write_arrays,
        write_table,
    )
    from encoded_ensembles.ledger import ledger_file, read_ledger
    from encoded_ensembles.randomness import name_key

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
    nearest = nearest_units(factual, to_signed(read_images(data).images), arrays["unit_of"])
    memory = ledger_file(ledger, "controls", seed)
    units_chosen, how = retrain.choose_controls(
        nearest, names, count=units, seed=seed, named=named or [], earlier=read_ledger(memory)
    )
    if memory:
        keys = np.array([name_key(name) for name in names[units_chosen]], np.uint64)
        write_arrays(memory, {kind: keys[how == kind] for kind in ("random", "near")})
    table = pd.DataFrame({"unit": units_chosen, "unit_name": names[units_chosen], "chosen": how})
    write_table(output, table.rename_axis("control").reset_index())


@spread
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
    sampling: Sampling,
    fresh: Annotated[
        Path | None,
        Option(help="folder with members of a fresh seed: {control}/{0..w-1}, and member/{00..}"),
    ] = None,
    fresh_units: Annotated[int, Option(help="how many controls were retrained so")] = 0,
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
        every = [*members, *folders]
        return sample_rows(every, keep[None], noise, sampling, label)[0]

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
