"""The profile for other schedulers, with stand-ins for their commands that run jobs on this machine."""

import re
import shutil
from functools import cache
from types import SimpleNamespace

import pytest
from snakemake.resources import Resources
from workspace import REPOSITORY

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
if [ -e kill-next ]; then rm kill-next; echo "100 137" > jobs/$number
else (bash "$1" > logs/$number; echo "0 $?" > jobs/$number) &
fi </dev/null >/dev/null 2>&1
echo $number
"""
# A job leaves the queue when its end is noted; its account is there when it is asked for again.
QSTAT = """#!/bin/bash
[[ $1 == -j && -e jobs/$2 && ! -s jobs/$2 ]]
"""
QACCT = """#!/bin/bash
[ -e logs/ended.$2 ] || { touch logs/ended.$2; echo "error: job id $2 not found" >&2; exit 1; }
read failed status < jobs/$2
echo "jobnumber    $2
failed       $failed   $([ $failed = 0 ] || echo ": assumedly after job")
exit_status  $status"
"""


@pytest.fixture
def cluster(workspace):
    """A workspace with the profile, and such commands."""
    folder = workspace.folder
    shutil.copytree(folder / "workflow/profiles/cluster", folder / "cluster")
    for name in ("jobs", "logs", "bin"):
        (folder / name).mkdir()
    for name, script in (("qsub", QSUB), ("qstat", QSTAT), ("qacct", QACCT)):
        (folder / "bin" / name).write_text(script)
        (folder / "bin" / name).chmod(0o755)
    workspace.environment["PATH"] = f"{folder / 'bin'}:{workspace.environment['PATH']}"
    return workspace


def test_jobs_go_to_a_scheduler_by_its_own_commands(cluster):
    """A job asks for the memory and time of its rule; one that is killed without a word runs again.

    The jobs of a group start all at once: they are as many as the profile allows, here two, and ask for the processors
    of all, and for the memory of one by processor.
    """
    (cluster.folder / "kill-next").touch()
    noise = [f"results/toy/noise/{name}.safetensors" for name in ("landscape", "frechet")]
    targets = ["results/toy/splits/full.json", *noise]
    given = ["--profile", "cluster", "--latency-wait", "5", "--seconds-between-status-checks", "1"]
    given += ["--groups", "draw_noise=small", "split_members=small"]
    given += ["--group-components", "small=2"]
    done = cluster.snakemake(*targets, *given, cores=100)  # more than jobs: as without a limit
    assert done.returncode == 0, done.stderr
    assert all((cluster.folder / target).exists() for target in targets)
    jobs = sorted((cluster.folder / "jobs").iterdir())
    assert [job.read_text().split() for job in jobs] == [["100", "137"], *[["0", "0"]] * 5]
    asked = (cluster.folder / "asked").read_text()
    slots, memory, seconds, gpus = (
        [int(number) for number in re.findall(rf"{name}[= ](\d+)", asked)]
        for name in ("-pe smp", "-l mem_free", "-l h_rt", "-l gpu")
    )
    # Twice the first job, two more, and the three that are grouped.
    assert sorted(slots) == [1, 1, 1, 1, 1, 2]
    assert memory[1] == 2 * memory[0] > 0  # of the second attempt
    assert memory[4] == memory[5] == memory[3]
    assert seconds[1] == 2 * seconds[0] >= 120
    assert set(gpus) == {0}


@pytest.mark.parametrize(
    ("set_resources", "wanted"),
    [
        (["gpu=1"], True),
        (["gpu=0"], False),
        ([], False),
        (["gpu=0", "gres=gpu:a100:1"], True),
        (["gpu=0", "gres=nvme:1"], False),
    ],
)
def test_a_job_has_a_gpu_by_gpu_or_by_gres(set_resources, wanted):
    """Then it requests the memory of one; without a GPU on this machine, not if it runs here."""
    resources = Resources.parse(set_resources, allow_expressions=True)
    workflow = SimpleNamespace(
        get_rule=lambda _: SimpleNamespace(resources=resources), local_exec=False
    )
    names = {"workflow": workflow, "cache": cache, "gpu_is_here": lambda: False}
    exec((REPOSITORY / "workflow/rules/options.smk").read_text(), names)  # functions alone
    assert names["on_gpu"]("train_member") == wanted
    workflow.local_exec = True
    assert not names["on_gpu"]("train_member")
