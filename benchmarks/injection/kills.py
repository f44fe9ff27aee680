"""Jobs killed at random moments."""

import os
import random
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from encoded_ensembles.runs.integrity import find_leftovers

from injection.jobs import ROOT, RUN, SAME, Job, Row, World, forget, make_world, run

MOMENTS = 2  # of each rule
TRIES = 8
GIVEN = ROOT / "benchmarks" / "faults_given.yaml"
# Rules that the usual run has not, and those that do other things there.
OF_GIVEN = {
    "fetch_base", "fetch_autoencoder", "train_member", "draw_noise", "sample_ensemble", "screen_block",
    "measure_screened",
}  # fmt: skip


def killed(world: World, rng: random.Random, limit: int | None) -> Iterator[Row]:
    """Kill one job of every rule with SIGKILL at some moments, and run it again."""
    for job in world.of_every_rule()[:limit]:
        for _ in range(MOMENTS):
            yield _kill(world, rng, job)


def killed_given(_: World | None, rng: random.Random, limit: int | None) -> Iterator[Row]:
    """Do so in a run that is given a base and an autoencoder, and screens its landscape."""
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        _write_networks(Path(folder) / "given")
        try:
            other = make_world(Path(folder), GIVEN)
            for job in [job for job in other.of_every_rule() if job.rule in OF_GIVEN][:limit]:
                for _ in range(MOMENTS):
                    yield _kill(other, rng, job)
        finally:
            os.chdir(here)


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
