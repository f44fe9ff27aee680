"""encens sample-ensemble."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.files import Code
from encoded_ensembles.commands.options.sampling import Full, Members, Noise, Sampling
from encoded_ensembles.commands.options.spread import spread


@spread
def sample_ensemble(
    members: Members,
    code: Code,
    noise: Noise,
    full: Full,
    output: Annotated[
        Path,
        Option(
            help="output, .safetensors: factual (B, C, H, W), members (n, B, ...), full (B, ...), null (R, B, ...)"
        ),
    ],
    sampling: Sampling,
) -> None:
    """Sample with all members, with each alone, with the full model and under null code words."""
    import numpy as np

    from encoded_ensembles.codes.masks import ablation_keep
    from encoded_ensembles.ensemble.engine import check_columns, drawn_shape, prepare
    from encoded_ensembles.ensemble.sampling import sample_groups
    from encoded_ensembles.storage.files import read_arrays
    from encoded_ensembles.storage.tensor_parts import write_rows

    n = len(members)
    null = ablation_keep(check_columns(read_arrays(code)["null_words"], members))
    keep = np.zeros((1 + 1 + n + len(null), n + 1), bool)  # in the order of the file
    keep[0, :n] = True
    keep[1, n] = True
    keep[2 : 2 + n, :n] = np.eye(n, dtype=bool)
    keep[2 + n :, :n] = null
    engine = prepare([*members, full], noise, label="ensemble", **vars(sampling))
    drawn = drawn_shape(engine)
    shapes = {"factual": drawn, "full": drawn, "members": (n, *drawn), "null": (len(null), *drawn)}
    write_rows(output, shapes, sample_groups(keep=keep, **engine))
