"""Faults injected into a run: none may end in a wrong or silent result.

Writes benchmarks/out/faults.csv, one row for each fault: what, where, what was said, what was redone,
and whether outputs then had the bytes of an undisturbed run. Needs Linux, and the right to mount a
tmpfs (root, or user namespaces).

    python benchmarks/faults.py                     all kinds
    python benchmarks/faults.py --only kill --seed 3

A smoke run injects one fault of the kind that takes seconds; `make test-slow` injects all of them.
"""

import argparse
import csv
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import machine  # sets threads before NumPy and torch start

sys.path.insert(0, str(machine.ROOT / "workflow"))

from injection import damage, disk, downloads, jobs, kills, snakemakes

TABLE = machine.FIGURES.parent / "faults.csv"
SIZE = "size=96m"
KINDS = {
    "kill": kills.killed,
    "kill-given": kills.killed_given,
    "kill-text": kills.killed_text,
    "kill-taken": kills.killed_taken,
    "download": downloads.disturbed,
    "outputs": damage.damaged_outputs,
    "memory": damage.damaged_memory,
    "full": disk.full,
    "read-only": disk.read_only,
    "damage": damage.damaged,
    "snakemake": snakemakes.disturbed,
}
WORLDLESS = {"download", "kill-given", "kill-text", "kill-taken"}  # kinds that do not take the run


@contextmanager
def own_disk() -> Iterator[Path]:
    """Mount a tmpfs, to fill and to make read-only."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", SIZE, "tmpfs", folder], check=True)
        try:
            yield Path(folder)
        finally:
            os.chdir("/")
            subprocess.run(["umount", folder], check=True)


def inject(
    world: jobs.World | None, kinds: list[str], *, seed: int, limit: int | None
) -> Iterator[jobs.Row]:
    """Inject faults of some kinds, at most `limit` of each, into a run."""
    for kind in kinds:
        yield from KINDS[kind](world, random.Random(f"{seed} {kind}"), limit)


def keep_rows(rows: Iterator[jobs.Row], table: Path) -> list[jobs.Row]:
    """Write rows to a table as they come, print them, and return them.

    The table gets its name at the end: run.json says whether files of the repository were changed.
    """
    found = []
    growing = table.with_name(f"{table.name}.growing")
    with growing.open("w", newline="", buffering=1) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(jobs.Row._fields)
        for row in rows:
            writer.writerow(row)
            found.append(row)
            print(f"{len(found):4} {row.fault}; {row.where}: {row.outcome}", flush=True)
    growing.replace(table)
    return found


def main() -> None:
    """Inject, and keep table and figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=KINDS, action="append", help="kinds; all if absent")
    parser.add_argument("--limit", type=int, help="faults of each kind at most")
    parser.add_argument("--table", type=Path, default=TABLE, help=f"{TABLE} if absent")
    given = parser.parse_args()
    kinds = given.only or machine.sized(list(KINDS), smoke=["download"])
    options = {"seed": given.seed, "limit": given.limit or machine.sized(None, smoke=1)}
    table = given.table.absolute()
    if set(kinds) <= WORLDLESS:
        rows = keep_rows(inject(None, kinds, **options), table)
    elif os.geteuid():  # mounting takes a root, if only of a namespace
        os.execvp("unshare", ["unshare", "-rm", sys.executable, *sys.argv])
    else:
        with own_disk() as folder:
            rows = keep_rows(inject(jobs.make_world(folder), kinds, **options), table)
    bad = [row for row in rows if row.outcome not in (jobs.SAME, jobs.REFUSED)]
    if not (given.only or given.limit):
        machine.keep({"faults": len(rows), "faults_wrong_or_silent": len(bad)})
    for row in bad:
        print(*row, sep="\n  ")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
