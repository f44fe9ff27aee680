"""encens export-universe."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.run import RunFolder


def export_universe(
    run_folder: RunFolder,
    output: Annotated[Path | None, Option(help="output, .ctf; RUN/universe.ctf if absent")] = None,
    floats: Annotated[
        bool, Option(help="also write the numbers before rounding to 8 bits, .npz")
    ] = True,
) -> None:
    """Write the factual samples, all counterfactuals and the training images of a run as a .ctf file.

    Beside it, .npz: unit_names (U,), factual (B, C, H, W) and counterfactuals (U, B, C, H, W) float32.
    """
    from encoded_ensembles.data.images import read_images, to_bytes
    from encoded_ensembles.runs import layout
    from encoded_ensembles.runs.run import Run
    from encoded_ensembles.sharing.universe import write_floats, write_universe
    from encoded_ensembles.storage.files import read_tensors

    run = Run(run_folder)
    path = output or run.folder / "universe.ctf"
    factual = read_tensors(run.folder / layout.SAMPLES, names=["factual"])
    write_universe(
        path,
        images=read_images(run.folder / layout.TRAINING).images,
        unit_of=run.code["unit_of"],
        factual=to_bytes(factual["factual"]),
        counterfactuals=map(to_bytes, run.counterfactuals()),
    )
    print(path)
    if floats:
        beside = path.with_suffix(".npz")
        names = run.code["unit_names"]
        write_floats(beside, unit_names=names, counterfactuals=run.counterfactuals(), **factual)
        print(beside)
