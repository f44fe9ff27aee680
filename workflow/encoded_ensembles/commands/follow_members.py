"""encens follow-members: what each member does along the factual trajectory."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.files import Code, Data
from encoded_ensembles.commands.options.sampling import Members, Noise, Sampling
from encoded_ensembles.commands.options.spread import spread


@spread
def follow_members(
    members: Members,
    code: Code,
    noise: Noise,
    data: Data,
    output: Annotated[
        Path, Option(help="output, .safetensors: pulls (B, U, n) float32, levels (K,) int64")
    ],
    sampling: Sampling,
    levels: Annotated[int, Option(help="noise levels used, from 0 up to this one")] = 300,
) -> None:
    """Measure how far each member pulls the factual trajectory of each sample towards each unit.

    Every level has the same weight: its pulls are divided by their root mean square.
    """
    import numpy as np

    from encoded_ensembles.data.images import read_images
    from encoded_ensembles.ensemble import trajectory
    from encoded_ensembles.ensemble.engine import check_columns, prepare
    from encoded_ensembles.influence import contrast
    from encoded_ensembles.members.batches import as_seen
    from encoded_ensembles.storage.files import InputError, read_arrays, write_tensors

    arrays = read_arrays(code)
    check_columns(arrays["code"], members)
    engine = prepare(members, noise, label="trajectory", **vars(sampling))
    track, count = engine.pop("track"), len(engine["noise"]) - 1
    images = as_seen(read_images(data).images, space=engine["space"])
    total, used_levels = None, []
    steps = track(trajectory.estimates(**engine), count)
    for level, pull in contrast.level_pulls(steps, images, arrays["unit_of"], highest=levels):
        total = pull if total is None else total + pull
        used_levels.append(level)
    if total is None:
        raise InputError(
            f"--levels is {levels}, but sampling in {count} steps has no noise level that low; "
            "raise contrast.levels or sampling.steps."
        )
    write_tensors(output, {"pulls": total / len(used_levels), "levels": np.array(used_levels)})
