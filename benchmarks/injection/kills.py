"""Jobs killed at random moments."""

import os
import random
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from encoded_ensembles.runs.integrity import find_leftovers

from injection.jobs import (
    ROOT,
    RUN,
    SAME,
    Job,
    Row,
    World,
    forget,
    make_world,
    prepare,
    run,
    snakemake,
)

MOMENTS = 2  # of each rule
TRIES = 8
GIVEN, TEXT, TAKEN = (
    ROOT / "benchmarks" / f"faults_{kind}.yaml" for kind in ("given", "text", "taken")
)
# Rules that the usual run has not, and those that do other things there.
OF_GIVEN = {
    "fetch_base", "fetch_autoencoder", "train_member", "draw_noise", "sample_ensemble", "screen_block",
    "measure_screened",
}  # fmt: skip
OF_TEXT = {
    "fetch_pipeline",
    "encode_captions",
    "encode_prompts",
    "encode_pictures",
    "train_adapter",
}


def killed(world: World, rng: random.Random, limit: int | None) -> Iterator[Row]:
    """Kill one job of every rule with SIGKILL at some moments, and run it again."""
    for job in world.of_every_rule()[:limit]:
        for _ in range(MOMENTS):
            yield _kill(world, rng, job)


def killed_given(_: World | None, rng: random.Random, limit: int | None) -> Iterator[Row]:
    """Do so in a run that is given a base and an autoencoder, and screens its landscape."""
    yield from _killed_in(GIVEN, OF_GIVEN, _write_networks, rng, limit)


def killed_text(_: World | None, rng: random.Random, limit: int | None) -> Iterator[Row]:
    """Do so in a run whose members are adapters of a text-to-image pipeline."""
    yield from _killed_in(TEXT, OF_TEXT, _write_pipeline, rng, limit)


def killed_taken(_: World | None, rng: random.Random, limit: int | None) -> Iterator[Row]:
    """Do so in a run whose members were trained elsewhere."""
    yield from _killed_in(TAKEN, {"take_member"}, _write_members, rng, limit)


def _killed_in(
    config: Path,
    rules: set[str],
    give: Callable[[Path], None],
    rng: random.Random,
    limit: int | None,
) -> Iterator[Row]:
    """Kill jobs of some rules in a run that is given files in a folder."""
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        give(Path(folder) / "given")
        try:
            other = make_world(Path(folder), config)
            for job in [job for job in other.of_every_rule() if job.rule in rules][:limit]:
                for _ in range(MOMENTS):
                    yield _kill(other, rng, job)
        finally:
            os.chdir(here)


def _write_pipeline(folder: Path) -> None:
    """Write a tiny pipeline, and captioned pictures."""
    sys.path.insert(0, str(ROOT / "tests/helpers"))
    import miniatures
    import tiny_pipelines

    tiny_pipelines.write("sd", folder / "base")
    miniatures.write_pictures(folder / "pictures")
    for file in list((folder / "pictures").iterdir()):
        file.with_suffix(".txt").write_text("a thing")


def _write_members(folder: Path) -> None:
    """Write networks for all splits of the run, and the digests of these splits."""
    from encoded_ensembles.members.network import build_unet, save_network, unet_config
    from encoded_ensembles.members.outside import SPLITS
    from encoded_ensembles.storage.files import write_facts

    config = unet_config(shape=(1, 8, 8), widths=[8], layers_per_block=1, attention=False)
    with tempfile.TemporaryDirectory() as place:
        prepare(Path(place))
        ended = snakemake(Path(place), "splits", "--config", "members={given: null}", config=TAKEN)
        if ended.code:
            raise RuntimeError(ended.said)
        files = sorted((Path(place) / RUN / "splits").glob("*.sha256"))
        write_facts(folder / SPLITS, {"splits": {file.stem: file.read_text() for file in files}})
    for seed, file in enumerate(files):
        save_network(build_unet(config, seed=seed), folder / file.stem)


def _write_networks(folder: Path) -> None:
    """Write a tiny autoencoder, and a network for its latents of 8x8 images."""
    sys.path.insert(0, str(ROOT / "tests/helpers"))
    from encoded_ensembles.members.network import build_unet, save_network, unet_config
    from small_run import write_autoencoder

    write_autoencoder(folder / "autoencoder")
    config = unet_config(shape=(2, 4, 4), widths=[8], layers_per_block=1, attention=False)
    save_network(build_unet(config, seed=0), folder / "base")


def _kill(world: World, rng: random.Random, job: Job) -> Row:
    """Kill a job at one moment; nothing half may have a file's name, and nothing stays behind."""
    longest = world.seconds[job.name]
    for _ in range(TRIES):
        forget(job)
        moment = rng.uniform(0, longest)
        ended = run(job, kill_after=moment)
        if ended.code < 0:
            break
        longest *= 0.7  # it was done by then
    there = {file for file in job.outputs if file.exists()}
    half = there.intersection(world.wrong(job))
    again = run(job)
    step = re.search(r"resuming from step (\d+)", again.said)
    left = list(find_leftovers(RUN))
    problem = (
        (ended.code >= 0 and "was never killed")
        or (half and f"half a file: {sorted(half)[0]}")
        or (world.wrong(job) and f"other bytes: {world.wrong(job)[0]}: {again.sentence}")
        or (left and f"left behind: {left[0]}")
    )
    return Row(
        "kill -9",
        f"{job.name} after {1000 * moment:.0f} of {1000 * world.seconds[job.name]:.0f} ms",
        f"killed, with {len(there)} of {len(job.outputs)} outputs",
        f"{job.rule}{f' from step {step[1]}' if step else ''}",
        problem or SAME,
    )
