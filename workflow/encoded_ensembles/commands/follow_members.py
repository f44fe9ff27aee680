"""encens follow-members: what each member does along the factual trajectory."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.evidence import Candidates, DecoyDraws, Decoys, WordSeed
from encoded_ensembles.commands.options.features import Perceptual
from encoded_ensembles.commands.options.files import Code, Data, Heldout, Samples
from encoded_ensembles.commands.options.sampling import Members, Noise, Sampling
from encoded_ensembles.commands.options.spread import spread


@spread
def follow_members(
    members: Members,
    code: Code,
    noise: Noise,
    data: Data,
    heldout: Heldout,
    samples: Samples,
    output: Annotated[
        Path,
        Option(
            help="output, .safetensors: pulls (B, U, n) float32, levels (K,) int64, journey (J, B, C, H, W) and journey_levels (J,) if asked for, and more"
        ),
    ],
    decoys: Decoys,
    arithmetic: Annotated[
        Path,
        Option(
            help="output, .json: how much of the differences between members is rounding, and a warning if it is much"
        ),
    ],
    sampling: Sampling,
    levels: Annotated[int, Option(help="noise levels used, from 0 up to this one")] = 300,
    journey: Annotated[
        int, Option(help="steps, evenly spaced, whose mean estimate of each sample is kept too")
    ] = 0,
    candidates: Candidates = 128,
    draws: DecoyDraws = 5,
    perceptual: Perceptual = None,
    seed: WordSeed = 0,
) -> None:
    """Measure how far each member pulls the factual trajectory of each sample towards each unit.

    Every level has the same weight: its pulls are divided by their root mean square. The outputs also
    hold the units of each sample by likeness (of pixels, or by --perceptual), and what joint decoding needs (`influence.observer`).
    """
    import numpy as np

    from encoded_ensembles.data.images import read_images
    from encoded_ensembles.data.likeness import nearest_units
    from encoded_ensembles.ensemble import trajectory
    from encoded_ensembles.ensemble.engine import check_columns, prepare
    from encoded_ensembles.ensemble.rounding import measure_rounding
    from encoded_ensembles.features.perceptual import embedding
    from encoded_ensembles.influence.decoys import Watch
    from encoded_ensembles.influence.joint import DECODED
    from encoded_ensembles.members.batches import as_seen
    from encoded_ensembles.members.device import choose_device
    from encoded_ensembles.progress import report
    from encoded_ensembles.storage.files import (
        InputError,
        read_arrays,
        read_tensors,
        write_facts,
        write_tensors,
    )

    arrays = read_arrays(code)
    check_columns(arrays["code"], members)
    factual = read_tensors(samples, names=["factual"])["factual"]
    see = embedding(perceptual, device=choose_device(sampling.device)) if perceptual else None
    engine = prepare(members, noise, label="trajectory", **vars(sampling))
    track, count = engine.pop("track"), len(engine["noise"]) - 1
    watch = Watch(
        arrays,
        *(read_images(file).images for file in (data, heldout)),
        see=lambda images: as_seen(images, space=engine["space"]),
        likeness=lambda images, unit_of: nearest_units(factual, images, unit_of, see),
        candidates=candidates, draws=draws, seed=seed,
    )  # fmt: skip
    shape = engine["noise"].shape[2:]
    all_levels = trajectory.levels(count, sampler=engine["sampler"], shape=shape)
    used = [level for level in all_levels if level <= levels]
    if not used:
        raise InputError(
            f"--levels is {levels}, but sampling in {count} steps has no noise level that low; "
            "raise contrast.levels or sampling.steps."
        )
    decoded = set(
        np.array(used)[np.linspace(0, len(used) - 1, DECODED).round().astype(int)].tolist()
    )
    kept = set(np.linspace(0, count - 1, min(journey, count)).round().astype(int).tolist())
    seen = []
    for step, (level, estimate) in enumerate(track(trajectory.estimates(**engine), count)):
        if level <= levels:
            watch.add(estimate, decode=level in decoded)
        if step in kept:
            seen.append(estimate.mean(axis=0))
    tensors = {"levels": np.array(used), **watch.real.observed().arrays()}
    if seen:
        at = np.array(all_levels)[sorted(kept)]
        tensors |= {"journey": np.stack(seen), "journey_levels": at}
    facts = measure_rounding(
        **engine | {"noise": engine["noise"][0]},
        images=estimate.mean(axis=0),
        level=used[len(used) // 2],
        precision=sampling.precision,
    )
    for warning in facts["warnings"]:
        report(f"warning: {warning}")
    write_tensors(output, tensors)
    write_tensors(decoys, watch.decoy_arrays())
    write_facts(arithmetic, facts)
