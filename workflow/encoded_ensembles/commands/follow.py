"""encens follow-members: what each member does along the factual trajectory."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.sample import Code, Members, Noise, Sampling, for_members, prepare
from encoded_ensembles.commands.spread import spread


@spread
def follow_members(
    members: Members,
    code: Code,
    noise: Noise,
    data: Annotated[Path, Option(help="training images, .npz of fetch-dataset")],
    output: Annotated[
        Path, Option(help="output, .safetensors: pulls (B, U, n) float32, levels (K,) int64")
    ],
    sampling: Sampling,
    levels: Annotated[int, Option(help="noise levels used, from 0 up to this one")] = 300,
) -> None:
    """Measure how far each member pulls the factual trajectory of each sample towards each unit.

    Every level counts alike: its pulls are divided by their root mean square.
    """
    import numpy as np

    from encoded_ensembles import contrast
    from encoded_ensembles.data import read_images
    from encoded_ensembles.feed import as_seen
    from encoded_ensembles.files import InputError, read_arrays, write_tensors

    arrays = read_arrays(code)
    for_members(arrays["code"], members)
    engine = prepare(members, noise, sampling, "trajectory")
    track, count = engine.pop("track"), len(engine["noise"]) - 1
    images = as_seen(read_images(data).images, space=engine["space"])
    total, used = None, []
    steps = track(contrast.estimates(**engine), count)
    for level, pull in contrast.level_pulls(steps, images, arrays["unit_of"], highest=levels):
        total = pull if total is None else total + pull
        used.append(level)
    if total is None:
        raise InputError(
            f"--levels is {levels}, but sampling in {count} steps has no noise level that low; "
            "raise contrast.levels or sampling.steps."
        )
    write_tensors(output, {"pulls": total / len(used), "levels": np.array(used)})
