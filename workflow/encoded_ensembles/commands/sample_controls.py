"""encens sample-controls."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from encoded_ensembles.commands.options.files import Code
from encoded_ensembles.commands.options.sampling import Members, Noise, Sampling
from encoded_ensembles.commands.options.spread import spread

if TYPE_CHECKING:
    import numpy as np


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
    fresh_units: Annotated[int, Option(help="number of controls with members in --fresh")] = 0,
) -> None:
    """Sample with members retrained without each unit in place of those that saw it.

    same: retrained on the same random numbers. fresh: with a fresh seed. seed: with members of that
    fresh seed that saw the unit, which measures the effect of the seed alone.
    """
    import numpy as np

    from encoded_ensembles.ensemble.engine import check_columns, sample_rows
    from encoded_ensembles.grading import controls as retrain
    from encoded_ensembles.storage.files import read_arrays, read_table, write_tensors

    matrix = check_columns(read_arrays(code)["code"], members)
    units = read_table(controls)["unit"].to_numpy()

    def without(unit: int, folders: list[Path], label: str) -> "np.ndarray":
        keep, _ = retrain.replaced(matrix[unit])
        networks = [*members, *folders]
        return sample_rows(networks, keep[None], noise, label=label, **vars(sampling))[0]

    weight = int(matrix[0].sum())
    tensors = {"units": units}
    tensors["same"] = np.stack(
        [
            without(unit, [retrained / f"{k}" / f"{j}" for j in range(weight)], f"control {k}")
            for k, unit in enumerate(units)
        ]
    )
    if fresh and fresh_units:
        chosen = range(fresh_units)
        tensors["fresh"] = np.stack(
            [
                without(units[k], [fresh / f"{k}" / f"{j}" for j in range(weight)], f"fresh {k}")
                for k in chosen
            ]
        )
        tensors["seed"] = np.stack(
            [
                without(
                    units[k],
                    [fresh / "member" / f"{m:02d}" for m in retrain.replaced(matrix[units[k]])[1]],
                    f"seed {k}",
                )
                for k in chosen
            ]
        )
    write_tensors(output, tensors)
