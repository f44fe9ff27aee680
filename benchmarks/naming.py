"""Naming units at scale: 60,000 units, 64 samples, 20 members, in less than 4 GB.

`measure-contrast` runs whole, in a process of its own, on simulated pulls: the unit most alike to each
sample has an effect of three standard errors, the others have none.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import keep, sized

MEMBERS, SAMPLES, CANDIDATES = 20, sized(64, smoke=4), 128
UNITS = sized((6_000, 60_000), smoke=(200,))


def write_inputs(folder: Path, units: int) -> None:
    """Write the code, and what members do with regard to `units` units."""
    import numpy as np
    from encoded_ensembles.codes.encode import encode
    from encoded_ensembles.codes.families import Family
    from encoded_ensembles.influence.joint import Evidence
    from encoded_ensembles.influence.observer import Observed
    from encoded_ensembles.storage.files import write_arrays, write_tensors

    rng = np.random.default_rng(0)
    names = [f"unit {number:05d}" for number in range(units)]
    code, null, _ = encode(names, Family("random", MEMBERS, MEMBERS // 2), null_words=100, seed=0)
    arrays = {"code": code, "null_words": null, "unit_names": np.array(names)}
    kind = {"family": np.array("random"), "distance": np.array(2), "unit_of": np.arange(units)}
    write_arrays(folder / "code.npz", arrays | kind)
    order = np.stack([rng.permutation(units) for _ in range(SAMPLES)])
    pulls = rng.standard_normal((SAMPLES, units, MEMBERS), dtype=np.float32)
    first = (np.arange(SAMPLES), order[:, 0])
    pulls[first] += 3 * 2 / np.sqrt(MEMBERS) * code[order[:, 0]]
    pulls -= pulls.mean(axis=2, keepdims=True)
    near = min(CANDIDATES, units)
    pull = np.take_along_axis(pulls, order[:, :near, None], axis=1)
    joint = Evidence(pull, np.broadcast_to(np.eye(MEMBERS), (SAMPLES, near, MEMBERS, MEMBERS)))
    change = np.broadcast_to(np.eye(MEMBERS) / MEMBERS, (SAMPLES, MEMBERS, MEMBERS))
    write_tensors(folder / "pulls.safetensors", Observed(order, pulls, change, joint, {}).arrays())
    write_tensors(folder / "decoys.safetensors", {"none": np.zeros(1)})


def measure(folder: Path) -> None:
    """Measure contrasts, and print the process's peak memory and time as JSON."""
    from encoded_ensembles.commands.measure_contrast import measure_contrast
    from encoded_ensembles.storage.files import read_table

    start = time.process_time()
    outputs = ("contrast", "sets", "units", "answers", "checks")
    measure_contrast(
        folder / "pulls.safetensors", folder / "decoys.safetensors", folder / "code.npz",
        **{name: folder / f"{name}.parquet" for name in outputs},
    )  # fmt: skip
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    answers = read_table(folder / "answers.parquet")
    figures = {
        "peak_mb": round(peak),
        "seconds": round(time.process_time() - start),
        "named": int((answers["answer"] == "units").sum()),
    }
    print(json.dumps(figures))


def main() -> None:
    """Measure a small and the large run, each in a process of its own."""
    found = {}
    for units in UNITS:
        with tempfile.TemporaryDirectory() as folder:
            for step in ("write", "measure"):
                done = subprocess.run(
                    [sys.executable, __file__, step, folder, str(units)],
                    stdout=subprocess.PIPE, text=True, check=True,
                )  # fmt: skip
        figures = json.loads(done.stdout)
        print(
            f"{units:7,} units, {SAMPLES} samples: {figures['seconds']} s, peak "
            f"{figures['peak_mb']} MB, a unit named for {figures['named']}"
        )
        found |= {f"naming_{name}_{units}_units": value for name, value in figures.items()}
    keep(found)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        kind, where, count = sys.argv[1:]
        write_inputs(Path(where), int(count)) if kind == "write" else measure(Path(where))
    else:
        main()
