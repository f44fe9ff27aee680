"""encens ablate-units: samples without several units at once."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.files import Code
from encoded_ensembles.commands.options.sampling import Members, Noise, Sampling
from encoded_ensembles.commands.options.spread import spread


@spread
def ablate_units(
    members: Members,
    code: Code,
    noise: Noise,
    units: Annotated[list[str], Option(help="name of a unit; repeatable")],
    output: Annotated[
        Path,
        Option(
            help="output, .safetensors: units (k,) int64, keep (n,) bool, counterfactual (B, C, H, W)"
        ),
    ],
    sampling: Sampling,
) -> None:
    """Sample with the members that saw none of several units."""
    from encoded_ensembles.codes.masks import set_keep
    from encoded_ensembles.data.units import find_units
    from encoded_ensembles.ensemble.engine import check_columns, sample_rows
    from encoded_ensembles.storage.files import InputError, read_arrays, write_tensors

    arrays = read_arrays(code)
    numbers = find_units(arrays["unit_names"], units)
    keep = set_keep(check_columns(arrays["code"], members)[numbers])
    if not keep.any():
        raise InputError(
            f"every one of the {len(members)} members saw one of {', '.join(units)}, expected a "
            "member that saw none of them; encens forget --run RUN --units A,B writes a "
            f"configuration that trains all {len(members)} again without them."
        )
    samples = sample_rows(members, keep[None], noise, label="set of units", **vars(sampling))
    write_tensors(output, {"units": numbers, "keep": keep, "counterfactual": samples[0]})
