"""Jobs killed at random moments."""

import random
import re
from collections.abc import Iterator

from encoded_ensembles.integrity import find_leftovers

from injection.jobs import RUN, SAME, Job, Row, World, forget, run

MOMENTS = 2  # of each rule
TRIES = 8


def killed(world: World, rng: random.Random, limit: int | None) -> Iterator[Row]:
    """Kill one job of every rule with SIGKILL at some moments, and run it again."""
    for job in world.of_every_rule()[:limit]:
        for _ in range(MOMENTS):
            yield _kill(world, rng, job)


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
    step = re.search(r"going on from step (\d+)", again.said)
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
