"""Time and memory of constructing codes: one process for each, as in a job.

Prints a table; `make bench` keeps the figures in benchmarks/out/figures.json.
"""

import json
import platform
import resource
import subprocess
import sys
import time

from machine import keep, sized

USUAL = [
    # family, members, weight, distance, units
    ("random", 20, 10, 2, 60_000),
    ("balanced", 20, 10, 2, 60_000),
    ("partition", 20, 1, 2, 60_000),
    ("leave-one-out", 20, 19, 2, 60_000),
    ("min-distance", 20, 10, 4, 9_000),
    ("random", 24, 12, 2, 1_000_000),
    ("balanced", 24, 12, 2, 1_000_000),
    ("partition", 24, 1, 2, 1_000_000),
]
CASES = sized(USUAL, smoke=[("random", 12, 6, 2, 12), ("partition", 6, 1, 2, 12)])


def construct(family: str, members: int, weight: int, distance: int, units: int) -> None:
    """Construct one code and print its seconds and the process's peak memory in MB, as JSON."""
    from encoded_ensembles.codes import encode
    from encoded_ensembles.codes.families import SHARED, Family

    names = [f"image/{i:07d}" for i in range(units)]
    null = 0 if family in SHARED else 100
    start = time.perf_counter()
    code, _, _ = encode.encode(
        names, Family(family, members, weight, distance), null_words=null, seed=0
    )
    seconds = time.perf_counter() - start
    assert code.shape == (units, members)
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": round(seconds, 2), "peak_mb": round(megabytes)}))


def main() -> None:
    """Run every case in a process of its own, and keep the figures."""
    found = {}
    print(f"{platform.processor() or platform.machine()}, one thread")
    print(f"{'family':14} {'n':>3} {'w':>3} {'d':>2} {'units':>9} {'seconds':>8} {'peak MB':>8}")
    for case in CASES:
        done = subprocess.run(
            [sys.executable, __file__, *map(str, case)],
            stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
        figures = json.loads(done.stdout)
        family, members, weight, distance, units = case
        print(
            f"{family:14} {members:3} {weight:3} {distance:2} {units:9,} "
            f"{figures['seconds']:8.2f} {figures['peak_mb']:8}"
        )
        name = f"code_{family.replace('-', '_')}_{members}_{units}"
        found |= {f"{name}_{key}": value for key, value in figures.items()}
    keep(found)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        construct(sys.argv[1], *map(int, sys.argv[2:]))
    else:
        main()
