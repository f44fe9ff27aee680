"""Disks that are full or read-only, folders that may not be written to."""

import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from encoded_ensembles.runs.integrity import find_leftovers

from injection.jobs import RUN, SAME, Ended, Job, Row, World, forget, run

PAGE = 4096  # bytes that a tmpfs gives out at once
NOBODY = 65534
FULL, READ_ONLY = 10, 8  # faults of each kind


def full(world: World, rng: random.Random, limit: int | None) -> Iterator[Row]:
    """Run jobs of some rules on a disk without the space they need, then with it."""
    for job in rng.sample(world.of_every_rule(), FULL if limit is None else limit):
        forget(job)
        needed = sum(-(-len(world.wanted[file]) // PAGE) for file in job.outputs)
        pages = rng.randrange(needed)
        with _filled(pages):
            ended = run(job)
        yield _row(world, job, ended, "disk full", f"{PAGE * pages >> 10} KiB left", "is full")


def read_only(world: World, rng: random.Random, limit: int | None) -> Iterator[Row]:
    """Run jobs of some rules on a disk that is read-only, some as a user who may not write."""
    jobs = rng.sample(world.of_every_rule(), READ_ONLY if limit is None else limit)
    for number, job in enumerate(jobs):
        forget(job)
        if number % 4 == 3:
            ended = run(job, user=NOBODY)
            yield _row(world, job, ended, "no right to write", "another user", "may not be written")
            continue
        with _remounted():
            ended = run(job)
        yield _row(world, job, ended, "read-only results", "whole disk", "is read-only")


@contextmanager
def _filled(pages: int) -> Iterator[None]:
    """Leave some pages on the disk of the current folder."""
    filler, facts = Path("filler"), os.statvfs(".")
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, (facts.f_bavail - pages) * facts.f_bsize)
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def _remounted() -> Iterator[None]:
    """Make the disk of the current folder read-only."""
    here = os.getcwd()
    subprocess.run(["mount", "-o", "remount,ro", here], check=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", here], check=True)


def _row(world: World, job: Job, ended: Ended, fault: str, how: str, words: str) -> Row:
    """Check what a job said and left on a bad disk, and that it does its work on a good one."""
    half = [file for file in job.outputs if file.exists() and file in world.wrong(job)]
    hidden = [file for file in RUN.rglob(".*") if file.is_file()]
    again = run(job)
    left = list(find_leftovers(RUN))
    problem = (
        (ended.code != 1 and f"exit code {ended.code}")
        or (words not in ended.sentence and f"said: {ended.sentence}")
        or ("Traceback" in ended.said and "a traceback")
        or (half and f"half a file: {half[0]}")
        or (hidden and f"left behind: {hidden[0]}")
        or (world.wrong(job) and f"other bytes: {world.wrong(job)[0]}: {again.sentence}")
        or (left and f"left behind: {left[0]}")
    )
    return Row(fault, f"{job.name}, {how}", ended.sentence, job.rule, problem or SAME)
