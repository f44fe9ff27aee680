"""Files of a run that are damaged after they were written."""

import random
from collections.abc import Iterator
from pathlib import Path

from encoded_ensembles.runs.integrity import find_damage, keeper

from injection.jobs import RUN, SAME, Ended, Job, Row, World, call, forget, run

READS = 20  # damaged files that a job reads
OUTPUTS = 6  # damaged files that nothing reads


def corrupt(file: Path, rng: random.Random) -> str:
    """Damage a file in some way, and say how."""
    whole = file.read_bytes()
    place = rng.randrange(len(whole))
    kind = rng.choice(["bit", "bit", "byte", "cut", "zeros"])
    if kind == "bit":
        bit = rng.randrange(8)
        changed, said = bytearray(whole), f"bit {bit} of byte {place} flipped"
        changed[place] ^= 1 << bit
    elif kind == "cut":
        changed, said = bytearray(whole[:place]), f"cut to {place} of {len(whole)} bytes"
    else:
        size = 1 if kind == "byte" else 512
        changed = bytearray(whole)
        part = changed[place : place + size]
        changed[place : place + size] = bytes(len(part)) if any(part) else b"\xff" * len(part)
        said = f"{len(part)} bytes from {place} lost"
    file.write_bytes(changed)
    return said


def damaged(world: World, rng: random.Random, limit: int | None) -> Iterator[Row]:
    """Damage files that jobs read: the job refuses by name; redone is what depends on the file."""
    for job, file in _pairs(world, rng)[: READS if limit is None else limit]:
        forget(job)
        how = corrupt(file, rng)
        ended = run(job)
        named = {path for path, _ in find_damage(RUN)}
        unread = ended.code == 0 and not world.wrong(job)
        problem = (not unread and _refusal(ended, job, file)) or (
            file not in named and keeper(file) not in named and "check-run does not name it"
        )
        maker = world.maker(file)
        file.unlink()
        run(maker)
        again = run(job)
        bad = world.wrong(maker) + world.wrong(job)
        problem = problem or (bad and f"other bytes: {bad[0]}: {again.sentence}")
        said = "not read; check-run names it" if unread else ended.sentence
        redone = ", ".join([maker.rule, *world.descendants(file)])
        yield Row(
            f"damaged input: {how}", f"{file} read by {job.rule}", said, redone, problem or SAME
        )


def _refusal(ended: Ended, job: Job, file: Path) -> str | None:
    """Return what is wrong with how a job took a damaged file; None if it refused as it should."""
    if ended.code != 1:
        return f"exit code {ended.code}"
    if "Traceback" in ended.said:
        return "a traceback"
    if f"{file} is damaged (" not in ended.sentence:
        return f"said: {ended.sentence}"
    there = [each for each in job.outputs if each.exists()]
    return f"went on to write {there[0]}" if there else None


def _pairs(world: World, rng: random.Random) -> list[tuple[Job, Path]]:
    """Return pairs of a job and a file it reads, one for each rule and kind of file, at random.

    Those come first that have a kind of file no pair before them has.
    """
    pairs = {}
    for job in world.of_every_rule():
        for file in rng.sample(job.inputs, len(job.inputs)):
            if file.exists():
                pairs[job.rule, file.parts[2], file.suffix] = job, file
    found = rng.sample(sorted(pairs.items(), key=lambda each: each[0]), len(pairs))
    first = {key[1:]: key for key, _ in found}
    return [pair for _, pair in sorted(found, key=lambda each: first[each[0][1:]] != each[0])]


def damaged_outputs(world: World, rng: random.Random, limit: int | None) -> Iterator[Row]:
    """Damage files that nothing reads: check-run names and deletes them."""
    read = {file for job in world.jobs for file in job.inputs}
    unread = [file for file in world.wanted if file not in read]
    count = min(OUTPUTS if limit is None else limit, len(unread))
    for file in rng.sample(unread, count):
        how = corrupt(file, rng)
        found = call(["encens", "check-run", str(RUN)])
        deleted = call(["encens", "check-run", str(RUN), "--delete"])
        problem = (found.code != 1 and f"exit code {found.code}") or (
            str(file) not in found.said and str(keeper(file)) not in found.said and "not named"
        )
        problem = problem or (file.exists() and "not deleted") or (deleted.code and "not deleted")
        maker = world.maker(file)
        run(maker)
        after = call(["encens", "check-run", str(RUN)])
        problem = problem or (after.code and after.said)
        bad = world.wrong(maker)
        problem = problem or (bad and f"other bytes: {bad[0]}")
        said = found.said.splitlines()[0]
        yield Row(f"damaged output: {how}", str(file), said, maker.rule, problem or SAME)


# Which rule remembers what, by the names of ledgers.
KEEPERS = {"words": "encode_units", "images": "fetch_dataset", "controls": "choose_controls"}


def damaged_memory(world: World, rng: random.Random, limit: int | None) -> Iterator[Row]:
    """Damage what is no output: checkpoints, and ledgers of words, images and controls."""
    train = next(job for job in world.jobs if job.rule == "train_member")
    checkpoint = Path(train.argv[train.argv.index("--checkpoint") + 1])
    for _ in range(6 if limit is None else limit):
        forget(train)
        while not checkpoint.exists():
            run(train, kill_after=rng.uniform(0, world.seconds[train.name]))
            forget(train)
        how = corrupt(checkpoint, rng)
        ended = run(train)
        problem = ("is ignored" not in ended.said and "nothing was said") or (
            world.wrong(train) and "other bytes"
        )
        said = next((line for line in ended.said.splitlines() if "is ignored" in line), "")
        yield Row(
            f"damaged checkpoint: {how}", str(checkpoint), said[9:], train.rule, problem or SAME
        )
    for file in sorted((RUN / "ledger").glob("*.npz")):
        rule = KEEPERS[file.name.partition("-")[0]]
        job = next(job for job in world.jobs if job.rule == rule)
        forget(job)
        how = corrupt(file, rng)
        ended = run(job)
        refused = _refusal(ended, job, file)
        file.unlink()
        run(job)
        problem = refused or (world.wrong(job) and "other bytes")
        yield Row(f"damaged ledger: {how}", str(file), ended.sentence, job.rule, problem or SAME)
