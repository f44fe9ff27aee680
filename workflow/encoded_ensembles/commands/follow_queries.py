"""encens follow-queries: what each member makes of given pictures."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.evidence import Candidates, DecoyDraws, Decoys, WordSeed
from encoded_ensembles.commands.options.features import Perceptual
from encoded_ensembles.commands.options.files import Code, Data, Heldout, Pictures
from encoded_ensembles.commands.options.sampling import Members, Sampling
from encoded_ensembles.commands.options.spread import spread


@spread
def follow_queries(
    members: Members,
    code: Code,
    data: Data,
    heldout: Heldout,
    pictures: Pictures,
    output: Annotated[Path, Option(help="output, .safetensors, as of follow-members")],
    decoys: Decoys,
    sampling: Sampling,
    levels: Annotated[int, Option(help="highest noise level")] = 300,
    candidates: Candidates = 128,
    draws: DecoyDraws = 0,
    perceptual: Perceptual = None,
    seed: WordSeed = 0,
    noise_seed: Annotated[int, Option(help="seed of the noise")] = 0,
) -> None:
    """Noise given pictures to several levels, and measure how far each member pulls them to each unit.

    No picture is sampled. Each picture is scaled by itself, so its results do not depend on the others.
    """
    import numpy as np

    from encoded_ensembles.data.images import read_images
    from encoded_ensembles.ensemble.engine import check_columns, prepare
    from encoded_ensembles.features.perceptual import embedding
    from encoded_ensembles.members.device import choose_device
    from encoded_ensembles.runs.pictures import watch_pictures
    from encoded_ensembles.storage.files import read_arrays, write_tensors

    arrays = read_arrays(code)
    check_columns(arrays["code"], members)
    see = embedding(perceptual, device=choose_device(sampling.device)) if perceptual else None
    watch, used = watch_pictures(
        prepare(members, None, label="pictures", **vars(sampling)),
        arrays,
        read_images(data),
        read_images(heldout).images,
        read_images(pictures).images,
        highest=levels, seed=noise_seed, candidates=candidates, draws=draws, word_seed=seed, see=see,
    )  # fmt: skip
    write_tensors(output, {"levels": np.array(used), **watch.real.observed().arrays()})
    write_tensors(decoys, watch.decoy_arrays())
