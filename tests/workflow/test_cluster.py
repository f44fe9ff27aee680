"""The profile for other schedulers, with stand-ins for their commands that run jobs on this machine."""

import re
import shutil

import pytest

# qsub refuses options that SGE has not, starts the job's script, and prints its number.
QSUB = """#!/bin/bash
set -e
while [[ $1 == -* ]]; do
  case $1 in
    -terse|-V|-cwd) shift;;
    -j|-o|-N|-l) echo "$1 $2" >> asked; shift 2;;
    -pe) echo "$1 $2 $3" >> asked; shift 3;;
    *) echo "unknown option $1" >&2; exit 1;;
  esac
done
number=$(( $(ls jobs | wc -l) + 1 ))
touch jobs/$number
if [ -e kill-next ]; then rm kill-next; echo failed > jobs/$number
else (bash "$1" > jobs/$number.log 2>&1 && echo success > jobs/$number || echo failed > jobs/$number) &
fi </dev/null >/dev/null 2>&1
echo $number
"""
STATUS = """#!/bin/bash
grep . jobs/$1 || echo running
"""


@pytest.fixture
def cluster(workspace):
    """A workspace with the profile, and such commands."""
    folder = workspace.folder
    shutil.copytree(folder / "workflow/profiles/cluster", folder / "cluster")
    (folder / "jobs").mkdir()
    (folder / "bin").mkdir()
    for name, script in (("qsub", QSUB), ("status", STATUS)):
        (folder / "bin" / name).write_text(script)
        (folder / "bin" / name).chmod(0o755)
    workspace.environment["PATH"] = f"{folder / 'bin'}:{workspace.environment['PATH']}"
    return workspace


def test_jobs_go_to_a_scheduler_by_its_own_commands(cluster):
    """A job asks for the memory and time of its rule; one that is killed without a word runs again."""
    (cluster.folder / "kill-next").touch()
    given = ["--profile", "cluster", "--cluster-generic-status-cmd", "bin/status",
             "--latency-wait", "5", "--seconds-between-status-checks", "1"]  # fmt: skip
    done = cluster.snakemake("results/toy/data/training.npz", *given)
    assert done.returncode == 0, done.stderr
    assert (cluster.results() / "data/training.npz").exists()
    said = [file.read_text().strip() for file in (cluster.folder / "jobs").glob("?")]
    assert sorted(said) == ["failed", *["success"] * (len(said) - 1)]
    asked = (cluster.folder / "asked").read_text()
    memory = [int(number) for number in re.findall(r"-l h_vmem=(\d+)M", asked)]
    assert len(memory) == len(said) == 2
    assert memory[1] == 2 * memory[0]  # of the second attempt
    seconds = [int(number) for number in re.findall(r"-l h_rt=(\d+)", asked)]
    assert seconds[1] == 2 * seconds[0] >= 120
    assert "-l gpu=0" in asked
