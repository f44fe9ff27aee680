"""encens retrain-member and train-heldout: members trained again, and held-out models."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.spread import spread
from encoded_ensembles.commands.train import CheckpointFile, Data, Folder, Training, fit

Code = Annotated[Path, Option(help="code, .npz of encode-units")]


@spread
def retrain_member(
    data: Data,
    code: Code,
    output: Folder,
    training: Training,
    member: Annotated[
        int, Option(help="number of the member; with --controls, the how-manieth that saw the unit")
    ],
    controls: Annotated[
        Path | None, Option(help="units, .parquet of choose-controls; none leaves no unit out")
    ] = None,
    control: Annotated[int, Option(help="number of the unit left out, among --controls")] = 0,
    checkpoint: CheckpointFile = None,
) -> None:
    """Train one member again, without one unit that it saw or with another seed."""
    import numpy as np

    from encoded_ensembles.data import read_images
    from encoded_ensembles.files import read_arrays, read_table
    from encoded_ensembles.splits import make_split, to_manifest

    arrays = read_arrays(code)
    matrix = arrays["code"]
    if controls:
        unit = int(read_table(controls)["unit"][control])
        member = int(np.flatnonzero(matrix[unit])[member])
        matrix = matrix.copy()
        matrix[unit] = False
    images = read_images(data)
    split = make_split(images, unit_of=arrays["unit_of"], code=matrix, member=str(member))
    fit(
        images.take(split.rows),
        split=to_manifest(split, member=f"{member:02d}"),
        training=training,
        checkpoint=checkpoint,
        output=output,
    )


@spread
def train_heldout(
    data: Data,
    code: Code,
    output: Folder,
    training: Training,
    model: Annotated[int, Option(help="number of the random half")],
    repeat: Annotated[int, Option(help="number of the training on it; it adds to the seed")],
    share: Annotated[float, Option(help="of the units that the model sees, above 0, below 1")],
    half_seed: Annotated[int, Option(help="seed of the halves")],
    checkpoint: CheckpointFile = None,
) -> None:
    """Train a model on a fresh random half of the units, to grade attribution by."""
    from encoded_ensembles.data import read_images
    from encoded_ensembles.files import read_arrays
    from encoded_ensembles.splits import make_split, random_half, to_manifest

    arrays = read_arrays(code)
    held = random_half(arrays["unit_names"], share=share, model=model, seed=half_seed)
    images = read_images(data)
    split = make_split(images, unit_of=arrays["unit_of"], code=held[:, None], member="0")
    fit(
        images.take(split.rows),
        split=to_manifest(split, member=f"heldout {model}.{repeat}"),
        training=replace(training, seed=training.seed + repeat),
        checkpoint=checkpoint,
        output=output,
    )
