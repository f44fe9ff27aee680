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
    from encoded_ensembles.ensemble.engine import check_columns, sample_rows
    from encoded_ensembles.storage.files import read_arrays, write_tensors

    n = len(members)
    null = ablation_keep(check_columns(read_arrays(code)["null_words"], members))
    keep = np.zeros((1 + n + len(null) + 1, n + 1), bool)
    keep[0, :n] = True
    keep[1 : 1 + n, :n] = np.eye(n, dtype=bool)
    keep[1 + n : -1, :n] = null
    keep[-1, n] = True
    samples = sample_rows([*members, full], keep, noise, label="ensemble", **vars(sampling))
    write_tensors(
        output,
        {
            "factual": samples[0],
            "members": samples[1 : 1 + n],
            "null": samples[1 + n : -1],
            "full": samples[-1],
        },
    )
