"""A Snakemake that finds jobs of a killed one in Slurm's queue. On a real Slurm: tests/slurm."""

import os

TARGET = "results/toy/data/training.npz"


def queue(workspace, *jobs):
    """Put a squeue first on the path that lists jobs: number, folder, comment."""
    folder = workspace.folder / "bin"
    folder.mkdir(exist_ok=True)
    (folder / "listed").write_text("".join("\t".join(map(str, job)) + "\n" for job in jobs))
    (folder / "squeue").write_text(f"#!/bin/sh\ncat '{folder}/listed'\n")
    (folder / "squeue").chmod(0o755)
    workspace.environment["PATH"] = f"{folder}{os.pathsep}{workspace.environment['PATH']}"


def test_nothing_is_started_while_such_jobs_may_write(workspace):
    here = workspace.folder.resolve()
    left = [(11, here, "rule_train_member_wildcards_toy_01"), (12, here, "rule_figures_plot_code")]
    queue(workspace, (7, here, "my own"), (8, "/elsewhere", "rule_train_member"), *left)
    done = workspace.snakemake(TARGET)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "Error: Slurm still has jobs of an earlier snakemake in this folder: 11 12; wait until "
        "squeue --me no longer lists them, or end them with: scancel 11 12"
    )
    assert not (workspace.folder / "results").exists()
    assert not list((workspace.folder / ".snakemake/locks").glob("*"))


def test_other_jobs_and_those_of_a_running_snakemake_are_no_hindrance(workspace):
    here = workspace.folder.resolve()
    queue(workspace, (7, here, "my own"), (8, "/elsewhere", "rule_train_member"))
    assert workspace.run(TARGET) == {"fetch_dataset": 1}
    # Another Snakemake works on another run, and holds the lock of its files.
    queue(workspace, (9, here, "rule_train_member_wildcards_other_01"))
    locks = workspace.folder / ".snakemake/locks"
    locks.mkdir(exist_ok=True)
    (locks / "7.output.lock").write_text(f"{here}/results/other/run.json\n")
    (workspace.results() / "data/training.npz").unlink()
    assert workspace.run(TARGET) == {"fetch_dataset": 1}
