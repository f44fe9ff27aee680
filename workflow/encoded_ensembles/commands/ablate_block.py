"""encens ablate-block."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.files import Code
from encoded_ensembles.commands.options.sampling import Block, Members, Noise, Sampling, share_of
from encoded_ensembles.commands.options.spread import spread


@spread
def ablate_block(
    members: Members,
    code: Code,
    noise: Noise,
    block: Block,
    output: Annotated[
        Path,
        Option(
            help="output, .safetensors: units (A,) int64, counterfactuals (A, B, C, H, W) float32"
        ),
    ],
    sampling: Sampling,
) -> None:
    """Sample the counterfactuals of one block of units."""
    import numpy as np

    from encoded_ensembles.codes.masks import ablation_keep
    from encoded_ensembles.ensemble.engine import check_columns, drawn_shape, prepare
    from encoded_ensembles.ensemble.sampling import sample_groups
    from encoded_ensembles.storage.files import read_arrays, write_growing

    matrix = check_columns(read_arrays(code)["code"], members)
    number, blocks = share_of(block)
    units = np.array_split(np.arange(len(matrix)), blocks)[number]
    keep = ablation_keep(matrix[units])
    label = f"block {block}"
    engine = prepare(members, noise, label=label, **vars(sampling))
    write_growing(
        output,
        {"units": units},
        name="counterfactuals",
        shape=(len(units), *drawn_shape(engine)),
        rows=sample_groups(keep=keep, **engine),
    )
