"""The default run from nothing: wall time on all cores, and what each of its rules takes.

Runs the configuration of `make demo` under a name of its own, from an empty folder to its last figure,
and keeps for each rule the number of jobs, their processor seconds and the largest memory of one, as
Snakemake's benchmark files have them. On two idle cores; other work shows in the wall time.

    python benchmarks/demo.py [folder of a finished run, to keep only its table]
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from machine import FIGURES, ROOT, keep

RUN = ROOT / "results" / "demo"


def make() -> dict[str, int]:
    """Make the run; return its wall time on so many cores."""
    shutil.rmtree(RUN, ignore_errors=True)
    snakemake = [sys.executable, "-m", "snakemake", "--cores", "all", "--nolock", "--quiet", "all"]
    start = time.perf_counter()
    subprocess.run([*snakemake, "--config", f"run={RUN.name}"], cwd=ROOT, check=True)
    return {"demo_seconds": round(time.perf_counter() - start), "demo_cores": os.cpu_count() or 1}


def main() -> None:
    """Make the run, keep the table of its rules, and remove the run."""
    import pandas as pd

    given = [Path(each) for each in sys.argv[1:2]]
    found = {} if given else make()
    folder = (given or [RUN])[0] / "benchmarks"
    rows = [
        {"rule": file.relative_to(folder).parts[0].split(".")[0]}
        | pd.read_csv(file, sep="\t")[["cpu_time", "max_rss"]].iloc[0].to_dict()
        for file in sorted(folder.rglob("*.tsv"))
    ]
    table = (
        pd.DataFrame(rows)
        .groupby("rule")
        .agg(jobs=("cpu_time", "size"), cpu_seconds=("cpu_time", "sum"), peak_mb=("max_rss", "max"))
        .sort_values("cpu_seconds", ascending=False)
        .round(1)
    )
    print(table.to_string())
    table.to_csv(FIGURES.with_name("demo.csv"))
    keep(found | {"demo_job_cpu_seconds": round(float(table["cpu_seconds"].sum()))})
    if not given:
        shutil.rmtree(folder.parent)


if __name__ == "__main__":
    main()
